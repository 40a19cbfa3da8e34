// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lowmemory;

import static dev.samara.core.MachineInternals.layoutOf;
import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.PageTableRef;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.HeldOperations;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Reaps concurrent with threads of the space: running CPUs, operations, forks, the end of the space and other reaps.
 */
@DisplayName("A reap beside other threads")
final class ReapRacesTest {
    private static final int FIXED = ANONYMOUS | Mman.FIXED;
    private static final int MOVE = Mman.MAYMOVE | Mman.MREMAP_FIXED;
    private static final long AT = 0x10_0000;

    /** More pages than a reap empties at a time. */
    private static final long MANY = 5000;

    private final HeldOperations held = new HeldOperations(
            Machine.builder().memory(1 << 25).poisonFrames(true).checked(true));
    private final Machine machine = held.machine();
    private final AddressSpace space = machine.newSpace(GEOMETRY);
    private final PageTableRef ref = space.hold();

    @AfterEach
    void nothingIsLeft() throws InterruptedException {
        space.close();
        machine.awaitQuiescence();
        assertEquals(0, machine.statistics().framesInUse());
        Layout layout = layoutOf(space);
        assertEquals(0, layout.pages().tables());
        assertTrue(ref.pageTableBytes() > 0, "still held");
        ref.close();
        assertEquals(0, layout.pages().bytes());
        machine.close();
        assertEquals(List.of(), held.reports);
    }

    private void populate(long page, long pages) {
        assertEquals(AT + page * PAGE, space.mmap(AT + page * PAGE, pages * PAGE, RW, FIXED | Mman.POPULATE, null, 0));
    }

    private long frames() {
        return machine.statistics().framesInUse();
    }

    /** Runs an action once, on the thread of the next reap that emptied a mapping or a part of it. */
    private void duringTheNext(Runnable what) {
        AtomicBoolean isDone = new AtomicBoolean();
        space.addNotifier((start, end, reason) -> {
            if (reason == MmuNotifier.Reason.DISCARDED && isDone.compareAndSet(false, true)) {
                what.run();
            }
        });
    }

    private static void onAnotherThread(Runnable what) {
        AtomicReference<Throwable> failure = new AtomicReference<>();
        Thread other = new Thread(what, "other");
        other.setUncaughtExceptionHandler((thread, thrown) -> failure.set(thrown));
        other.start();
        try {
            other.join();
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
        assertEquals(null, failure.get());
    }

    @Test
    @DisplayName("a CPU in GUEST keeps its page until it polls, and has none afterwards (bug 49)")
    void inGuest() {
        populate(0, 1);
        try (OtherCpu guest = new OtherCpu(space)) {
            guest.call(cpu -> {
                cpu.enterGuest();
                assertFault(Fault.NONE, cpu.memory().store(AT, 8, 7));
                return 0;
            });
            Future<Long> reaped = CompletableFuture.supplyAsync(ref::reap);
            Await.until("the mark", layoutOf(space)::isUnstable);
            long loaded = guest.call(cpu -> {
                assertFault(Fault.NONE, cpu.memory().load(AT, 8));
                return cpu.memory().value();
            });
            assertEquals(7, loaded);
            assertFalse(reaped.isDone(), "the frame is not free before the CPU has polled");
            // The reap asks the CPU only some time after the mark.
            Await.until("the reap", () -> {
                guest.call(cpu -> {
                    cpu.poll();
                    return 0;
                });
                return reaped.isDone();
            });
            assertEquals(0, Await.result("the reap", reaped, held.reports));
            assertEquals(0, frames());
            guest.call(cpu -> {
                assertFault(Fault.ADRERR, cpu.memory().load(AT, 8));
                cpu.leaveGuest();
                return 0;
            });
        }
    }

    @Test
    @DisplayName("running threads find their pages or SIGBUS, and never another's page (bugs 49, 64)")
    void besideAccesses() {
        for (int round = 0; round < 20; round++) {
            AddressSpace victim = machine.newSpace(GEOMETRY);
            PageTableRef of = victim.hold();
            long length = 64 * PAGE;
            assertEquals(AT, victim.mmap(AT, length, RW, FIXED, null, 0));
            CountDownLatch written = new CountDownLatch(2);
            AtomicBoolean goesOn = new AtomicBoolean(true);
            try (OtherCpu one = new OtherCpu(victim);
                    OtherCpu two = new OtherCpu(victim);
                    OtherCpu taker = new OtherCpu(space)) {
                try {
                    List<Future<Integer>> users = new ArrayList<>();
                    for (OtherCpu each : List.of(one, two)) {
                        users.add(each.submit(cpu -> use(cpu, length, written, goesOn)));
                    }
                    Await.until("both have written", () -> written.getCount() == 0);
                    assertEquals(0, of.reap());
                    taker.call(cpu -> {
                        // Reuses the frames.
                        space.mmap(AT, length, RW, FIXED, null, 0);
                        for (long at = AT; at < AT + length; at += PAGE) {
                            assertFault(Fault.NONE, cpu.memory().store(at, 8, -1));
                        }
                        return 0;
                    });
                    for (Future<Integer> user : users) {
                        assertFault(Fault.ADRERR, Await.result("the user", user, held.reports));
                    }
                } finally {
                    // Must precede the close of the CPUs.
                    goesOn.set(false);
                }
            } finally {
                of.close();
                victim.close();
            }
        }
    }

    /** Stores to all pages and loads them again, until an access fails or the test ends. */
    private static int use(Cpu cpu, long length, CountDownLatch written, AtomicBoolean goesOn) {
        cpu.enterGuest();
        try {
            for (long round = 1; goesOn.get(); round++) {
                for (long at = AT; at < AT + length; at += PAGE) {
                    int fault = cpu.memory().store(at, 8, at);
                    if (fault != Fault.NONE) {
                        return fault;
                    }
                    fault = cpu.memory().load(at, 8);
                    if (fault != Fault.NONE) {
                        return fault;
                    }
                    assertEquals(at, cpu.memory().value());
                    cpu.poll();
                }
                if (round == 1) {
                    written.countDown();
                }
            }
            return Fault.NONE;
        } finally {
            cpu.leaveGuest();
        }
    }

    @Test
    @DisplayName("leaves a mapping that is locked meanwhile, with its pages (bug 63)")
    void lockedMeanwhile() {
        populate(0, MANY);
        duringTheNext(() -> assertEquals(0, space.mlock(AT + (MANY - 1) * PAGE, PAGE)));
        assertEquals(0, ref.reap());
        assertEquals(1, frames());
        byte[] bytes = new byte[8];
        assertEquals(8, space.read(AT + (MANY - 1) * PAGE, bytes, 0, 8));
        assertResult(Errno.EFAULT, space.read(AT, bytes, 0, 8));
    }

    @Test
    @DisplayName("finds pages that are moved past it meanwhile")
    void movedMeanwhile() {
        populate(0, 2);
        populate(4, 1);
        duringTheNext(() -> assertEquals(AT + 8 * PAGE, space.mremap(AT, PAGE, PAGE, MOVE, AT + 8 * PAGE)));
        assertEquals(0, ref.reap());
        assertEquals(0, frames());
    }

    @Test
    @DisplayName("reaps what replaces a mapping meanwhile, in whatever pieces")
    void replacedMeanwhile() {
        populate(0, MANY);
        duringTheNext(() -> assertEquals(0, space.mprotect(AT + (MANY - 3) * PAGE, PAGE, READ)));
        assertEquals(0, ref.reap());
        assertEquals(0, frames());
    }

    @Test
    @DisplayName("skips a mapping in flight, tells of it after ten attempts, and takes its pages later")
    void inFlight() throws Exception {
        populate(0, 1);
        populate(4, 1);
        HeldOperations.Hold moving = held.hold(() -> space.mremap(AT, PAGE, PAGE, MOVE, AT + 8 * PAGE));
        assertResult(Errno.EAGAIN, ref.reap());
        assertEquals(1, frames());
        moving.endWith(AT + 8 * PAGE);
        assertEquals(0, ref.reap());
        assertEquals(0, frames());
    }

    @Test
    @DisplayName("is complete only when an unmapping in flight has freed its pages")
    void besideAnUnmapping() throws Exception {
        populate(0, 2);
        populate(4, 1);
        HeldOperations.Hold unmapping = held.hold(() -> space.munmap(AT, 2 * PAGE));
        long beside = ref.reap();
        long left = frames();
        unmapping.endWith(0);
        assertResult(Errno.EAGAIN, beside);
        assertEquals(2, left);
        assertEquals(0, ref.reap());
        assertEquals(0, frames());
    }

    @Test
    @DisplayName("is complete only when a discard in flight is")
    void besideADiscard() throws Exception {
        populate(0, 2);
        HeldOperations.Hold discarding = held.hold(() -> space.madvise(AT, PAGE, Mman.DONTNEED));
        long beside = ref.reap();
        discarding.endWith(0);
        assertResult(Errno.EAGAIN, beside);
        assertEquals(0, ref.reap());
        assertEquals(0, frames());
    }

    @Test
    @DisplayName("does not wait for the end of the space, which frees what it has taken itself")
    void besideTheEnd() throws Exception {
        populate(0, 2);
        HeldOperations.Hold ending = held.holdNext();
        Future<?> closed = CompletableFuture.runAsync(space::close);
        ending.untilEntered();
        long beside = ref.reap();
        ending.letGo();
        Await.result("the close", closed, held.reports);
        assertEquals(0, beside);
        assertEquals(0, frames());
    }

    @Test
    @DisplayName("is not repeated by a thread that is interrupted, which keeps the interrupt")
    void interrupted() throws Exception {
        populate(0, 1);
        HeldOperations.Hold protecting = held.hold(() -> space.mprotect(AT, PAGE, READ));
        Thread.currentThread().interrupt();
        assertResult(Errno.EINTR, ref.reap());
        assertTrue(Thread.interrupted());
        protecting.endWith(0);
    }

    @Test
    @DisplayName("takes nothing while a fork copies, whose child has every page")
    void besideAFork() throws Exception {
        populate(0, 1);
        populate(4, 1);
        assertEquals(1, space.write(AT, new byte[] {5}, 0, 1));
        // The fork's copy waits for this operation.
        HeldOperations.Hold protecting = held.hold(() -> space.mprotect(AT + 4 * PAGE, PAGE, READ));
        HeldOperations.Caller<AddressSpace> forking = HeldOperations.waits(space::fork);
        assertResult(Errno.EAGAIN, ref.reap());
        assertEquals(2, frames());
        protecting.endWith(0);
        AddressSpace child = forking.result();
        assertEquals(0, ref.reap());
        byte[] bytes = new byte[1];
        assertEquals(1, child.read(AT, bytes, 0, 1));
        assertEquals(5, bytes[0]);
        assertEquals(2, frames());
        child.close();
        assertEquals(0, frames());
    }

    @Test
    @DisplayName("does not delay the end of the space, and does not make it (bug 65)")
    void lastPutMeanwhile() {
        populate(0, 2);
        populate(4, 1);
        duringTheNext(() -> onAnotherThread(() -> {
            space.close();
            assertEquals(0, layoutOf(space).usage()[0], "torn down");
            assertEquals(1, frames(), "that of the reap");
        }));
        assertEquals(0, ref.reap());
        assertEquals(0, space.users());
    }

    @Test
    @DisplayName("meets the end of the space between its shootdown and its frees")
    void endedWhileItWaits() {
        populate(0, 1);
        try (OtherCpu guest = new OtherCpu(space)) {
            guest.call(cpu -> {
                cpu.enterGuest();
                assertFault(Fault.NONE, cpu.memory().load(AT, 8));
                return 0;
            });
            Future<Long> reaped = CompletableFuture.supplyAsync(ref::reap);
            Await.until("the entry is empty", () -> layoutOf(space).pages().get(AT) == 0);
            space.close();
            assertEquals(1, space.users(), "the CPU");
            guest.call(cpu -> {
                cpu.leaveGuest();
                cpu.switchTo(null);
                return 0;
            });
            assertEquals(0, Await.result("the reap", reaped, held.reports));
            assertEquals(0, frames());
        }
    }

    @Test
    @DisplayName("shares the pages with another reap")
    void twoReaps() {
        populate(0, 2);
        populate(4, 2);
        duringTheNext(() -> onAnotherThread(() -> assertEquals(0, ref.reap())));
        assertEquals(0, ref.reap());
        assertEquals(0, frames());
    }

    @Test
    @DisplayName("is refused in GUEST and leaves the space as it is")
    void refusedInGuest() {
        populate(0, 1);
        try (OtherCpu guest = new OtherCpu(space)) {
            guest.call(cpu -> {
                cpu.enterGuest();
                assertThrows(IllegalStateException.class, ref::reap);
                cpu.leaveGuest();
                return 0;
            });
        }
        assertFalse(layoutOf(space).isUnstable());
        assertEquals(1, frames());
    }
}
