// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.cpu;

import static dev.samara.core.fixture.Refusal.assertRefused;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.core.AddressSpace;
import dev.samara.core.Guest;
import dev.samara.core.SpaceIdentity;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.AllocatedBytes;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.VirtualThreads;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The CPUs of threads that enter spaces")
final class GuestPoolTest extends GuestFixture {
    private static final int GUEST_BYTES = 32;

    /** The number of CPUs that the pool keeps: those of the fixture's machine have TLBs of 160 KiB. */
    private static final int KEPT = 256;

    @Test
    @DisplayName("are shared by threads one after the other, and not beside each other")
    void shared() {
        Set<Integer> numbers = new TreeSet<>();
        for (int i = 0; i < 20; i++) {
            FutureTask<Integer> task = new FutureTask<>(() -> {
                try (Guest guest = space.enter()) {
                    return guest.number();
                }
            });
            new Thread(task, "visitor").start();
            numbers.add(Await.result("a visit", task, reports));
        }
        assertEquals(1, numbers.size());
        try (Guest guest = space.enter()) {
            int mine = guest.number();
            assertNotEquals(mine, elsewhere(() -> {
                try (Guest beside = space.enter()) {
                    return beside.number();
                }
            }));
        }
    }

    @Test
    @DisplayName("survive the threads that used them: the next thread's CPU is its own, and online")
    void endedThread() throws InterruptedException {
        int[] number = new int[1];
        Thread visitor = new Thread(() -> {
            try (Guest guest = space.enter()) {
                store(guest, AT, 5);
                number[0] = guest.number();
            }
        });
        visitor.start();
        visitor.join();
        try (Guest guest = space.enter()) {
            assertEquals(number[0], guest.number());
            assertEquals(5, load(guest, AT));
            // A claim takes CPUs of ended threads offline.
            elsewhere(() -> {
                machine.claimCpu().close();
                return 0;
            });
            store(guest, AT, 6);
            assertEquals(6, load(guest, AT));
            assertEquals(2, space.users());
        }
    }

    @Test
    @DisplayName("stay for the next space when theirs ends, and it keeps nothing of the ended one")
    void nextSpace() {
        Set<Integer> numbers = new TreeSet<>();
        for (int i = 0; i < 20; i++) {
            AddressSpace each = newSpace();
            SpaceIdentity identity = each.grab();
            try (Guest guest = each.enter()) {
                assertEquals(0, load(guest, AT));
                store(guest, AT, i + 1);
                numbers.add(guest.number());
                if (i % 2 == 0) {
                    each.close();
                }
            }
            each.close();
            assertNotNull(identity.exit());
            identity.close();
        }
        assertEquals(1, numbers.size());
        assertEquals(0, machine.statistics().framesInUse());
    }

    @Test
    @DisplayName("stay without a space only in small numbers")
    void withoutSpace() {
        AddressSpace[] spaces = new AddressSpace[40];
        Set<Integer> numbers = new TreeSet<>();
        for (int round = 0; round < 2; round++) {
            for (int i = 0; i < spaces.length; i++) {
                spaces[i] = newSpace();
                try (Guest guest = spaces[i].enter()) {
                    numbers.add(guest.number());
                }
            }
            for (AddressSpace each : spaces) {
                each.close();
            }
        }
        assertEquals(2 * spaces.length - 8, numbers.size());
    }

    @Test
    @DisplayName("may be more at a time than the pool keeps")
    void many() {
        AddressSpace[] spaces = new AddressSpace[KEPT + 8];
        Guest[] guests = new Guest[spaces.length];
        for (int i = 0; i < spaces.length; i++) {
            spaces[i] = newSpace();
        }
        for (int i = 0; i < spaces.length; i++) {
            guests[i] = spaces[i].enter();
            store(guests[i], AT, i);
        }
        for (int i = 0; i < spaces.length; i++) {
            assertEquals(i, load(guests[i], AT));
        }
        for (int i = spaces.length - 1; i >= 0; i--) {
            guests[i].close();
            int kept = spaces[i].cpus();
            assertEquals(i < KEPT ? 1 : 0, kept, () -> "CPUs in space " + kept);
            spaces[i].close();
        }
    }

    @Test
    @DisplayName(
            "are kept although threads ended with their guests open: another CPU gets the place of one that is lost")
    void lost() {
        for (int i = 0; i < KEPT + 8; i++) {
            Thread lost = new Thread(space::enter, "lost");
            lost.start();
            Await.stopped(lost);
        }
        int number;
        try (Guest guest = space.enter()) {
            number = guest.number();
        }
        try (Guest guest = space.enter()) {
            assertEquals(number, guest.number());
        }
    }

    @Test
    @DisplayName("are taken from other spaces if the pool is full")
    void fromAnotherSpace() {
        AddressSpace[] spaces = new AddressSpace[KEPT + 8];
        Set<Integer> numbers = new TreeSet<>();
        for (int i = 0; i < spaces.length; i++) {
            spaces[i] = newSpace();
            try (Guest guest = spaces[i].enter()) {
                store(guest, AT, i);
                numbers.add(guest.number());
            }
        }
        assertEquals(KEPT, numbers.size());
        for (int i = 0; i < spaces.length; i++) {
            try (Guest guest = spaces[i].enter()) {
                assertEquals(i, load(guest, AT));
            }
        }
        for (AddressSpace each : spaces) {
            each.close();
            assertEquals(0, each.users());
        }
    }

    @Test
    @DisplayName("come to no space by a closed reference; a space ends with its last guest, and not before")
    void closedSpace() {
        AddressSpace ended = newSpace();
        SpaceIdentity identity = ended.grab();
        try (Guest guest = ended.enter()) {
            ended.close();
            MmException refused = assertRefused(MmException.class, ended::enter, "enter");
            assertEquals(Errno.ESRCH, refused.errno());
            store(guest, AT, 1);
            assertNull(identity.exit());
        }
        assertNotNull(identity.exit());
        assertEquals(0, ended.users());
        identity.close();
    }

    @Test
    @DisplayName("delay no end while they are idle: they leave with the last reference")
    void idleAtTheEnd() {
        AddressSpace ended = newSpace();
        SpaceIdentity identity = ended.grab();
        elsewhere(() -> {
            try (Guest guest = ended.enter()) {
                store(guest, AT, 1);
                return 0;
            }
        });
        assertEquals(1, ended.cpus());
        AddressSpace further = ended.get();
        ended.close();
        assertEquals(1, further.cpus());
        try (Guest guest = further.enter()) {
            assertEquals(1, load(guest, AT));
        }
        further.close();
        assertNotNull(identity.exit());
        assertEquals(0, further.users());
        identity.close();
        assertEquals(0, machine.statistics().framesInUse());
    }

    @Test
    @DisplayName("cost no allocation but the guest when a thread enters again, also within, and in another space")
    void allocatesGuests() {
        try (AddressSpace second = newSpace()) {
            AllocatedBytes.assertAtMost(3 * GUEST_BYTES, i -> {
                Guest outer = space.enter().leaveForCalls();
                outer.memory().store(AT, 8, i);
                Guest inner = space.enter();
                Guest elsewhere = second.enter();
                elsewhere.memory().store(AT, 8, i);
                elsewhere.poll();
                elsewhere.close();
                inner.close();
                outer.leave();
                outer.poll();
                outer.close();
            });
        }
    }

    @Test
    @DisplayName("are taken offline if their thread ends in GUEST, or forgets its guest and lives on")
    void gone() throws InterruptedException {
        space.enter().close();
        // The thread gets the CPU that is idle now.
        Thread dead = new Thread(() -> store(space.enter(), AT, 1), "dead");
        dead.start();
        dead.join();
        assertEquals(0, space.munmap(AT, PAGE));
        assertEquals(List.of(), reports);
        forget();
        Future<Long> waits = other.submit(() -> space.munmap(AT + PAGE, PAGE));
        Await.until("the CPU is lost", () -> {
            System.gc();
            return waits.isDone();
        });
        assertEquals(0, Await.result("munmap", waits, reports));
        assertEquals(1, reports.size());
        assertEquals(Report.Kind.CPU_LOST, reports.get(0).kind());
        reports.clear();
        try (Guest guest = space.enter()) {
            store(guest, AT + 2 * PAGE, 2);
        }
    }

    private void forget() {
        store(space.enter(), AT + PAGE, 1);
    }

    @Test
    @DisplayName("serve virtual threads, where there are any")
    void virtual() {
        ThreadFactory virtual = VirtualThreads.factory();
        if (virtual == null) {
            return;
        }
        int threads = 100;
        List<Thread> all = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            Thread made = virtual.newThread(this::add);
            all.add(made);
            made.start();
        }
        for (Thread each : all) {
            Await.until("a virtual thread has ended", () -> !each.isAlive(), reports, each);
        }
        try (Guest guest = space.enter()) {
            assertEquals(50L * threads, load(guest, AT));
        }
    }

    private void add() {
        for (int i = 0; i < 50; i++) {
            try (Guest guest = space.enter()) {
                assertFault(Fault.NONE, guest.memory().getAndAdd(AT, 8, 1));
                // Allows another virtual thread to run on the carrier.
                LockSupport.parkNanos(1);
                guest.poll();
            }
        }
    }
}
