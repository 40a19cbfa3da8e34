// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.cpu;

import static dev.samara.core.fixture.Refusal.assertRefused;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Guest;
import dev.samara.core.Machine;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("What a thread knows about the CPUs of its guests")
final class GuestListsTest extends GuestFixture {
    private static final int SPACES = 5;

    private long change(AddressSpace of) {
        return of.mprotect(AT + 3 * PAGE, PAGE, RW) + of.mprotect(AT + 3 * PAGE, PAGE, READ);
    }

    @Test
    @DisplayName("is exact for guests of several spaces that are opened and closed in any order")
    void anyOrder() {
        List<AddressSpace> spaces = new ArrayList<>();
        for (int i = 0; i < SPACES; i++) {
            spaces.add(newSpace());
        }
        @Nullable Guest[] open = new @Nullable Guest[SPACES];
        int[] numbers = new int[SPACES];
        Random random = new Random(3);
        int count = 0;
        for (int i = 0; i < 3_000; i++) {
            int at = random.nextInt(SPACES);
            Guest guest = open[at];
            if (guest == null) {
                Guest made = spaces.get(at).enter();
                open[at] = made;
                numbers[at] = made.number();
                count++;
            } else {
                // Found in the list: the same CPU.
                try (Guest inner = spaces.get(at).enter()) {
                    assertEquals(numbers[at], inner.number());
                    store(inner, AT, i);
                }
                guest.close();
                open[at] = null;
                count--;
            }
            if (count == 0) {
                assertEquals(0, change(space));
            } else {
                assertRefused(IllegalStateException.class, () -> change(space), "is in GUEST");
            }
            if (i % 8 == 0) {
                // No guest leaves GUEST for a call unless all do.
                int left = 0;
                for (Guest each : open) {
                    if (each != null) {
                        each.leave();
                        left++;
                        if (left < count) {
                            assertRefused(IllegalStateException.class, () -> change(space), "is in GUEST");
                        }
                    }
                }
                assertEquals(0, change(space));
                for (Guest each : open) {
                    if (each != null) {
                        each.poll();
                    }
                }
            }
        }
        for (Guest each : open) {
            if (each != null) {
                each.close();
            }
        }
        assertEquals(0, change(space));
        spaces.forEach(AddressSpace::close);
    }

    @Test
    @DisplayName("follows a CPU from thread to thread, and back, so that each is refused a wait for itself alone")
    void handedOn() {
        AddressSpace free = newSpace();
        for (int i = 0; i < 10; i++) {
            int number;
            try (Guest guest = space.enter()) {
                number = guest.number();
                assertRefused(IllegalStateException.class, () -> change(free), "is in GUEST");
                assertEquals(0, elsewhere(() -> change(free)));
            }
            assertEquals(number, elsewhere(() -> {
                try (Guest guest = space.enter()) {
                    assertRefused(IllegalStateException.class, () -> change(free), "is in GUEST");
                    try (Guest inner = space.enter()) {
                        assertEquals(guest.number(), inner.number());
                    }
                    return guest.number();
                }
            }));
            assertEquals(0, elsewhere(() -> change(space)));
            assertEquals(0, change(space));
        }
        free.close();
    }

    @Test
    @DisplayName("stays exact if a guest between others is lost")
    void lostBetween() {
        AddressSpace second = newSpace();
        AddressSpace third = newSpace();
        Guest first = space.enter();
        forget(second);
        Guest last = third.enter();
        int number = last.number();
        Await.until("the CPU is lost", () -> {
            System.gc();
            return machine.statistics() != null && !reports.isEmpty();
        });
        assertEquals(1, reports.size());
        assertEquals(Report.Kind.CPU_LOST, reports.get(0).kind());
        reports.clear();
        try (Guest inner = third.enter()) {
            assertEquals(number, inner.number());
        }
        first.close();
        assertRefused(IllegalStateException.class, () -> change(space), "is in GUEST");
        try (Guest again = second.enter()) {
            store(again, AT, 1);
        }
        last.close();
        assertEquals(0, change(space));
        second.close();
        third.close();
    }

    private static void forget(AddressSpace of) {
        store(of.enter(), AT, 1);
    }

    @Test
    @DisplayName("keeps no machine reachable that the thread used, nor a guest that was open")
    void keepsNoMachine() {
        List<WeakReference<Object>> gone = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            visit(gone, i);
            awaitCollected(gone);
        }
        try (Guest guest = space.enter()) {
            awaitCollected(gone);
            guest.poll();
        }
        reports.clear();
    }

    private void visit(List<WeakReference<Object>> gone, int open) {
        Machine own = Machine.builder().memory(1 << 20).reportTo(reports::add).build();
        List<AddressSpace> spaces = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            spaces.add(own.newSpace(GEOMETRY));
            assertEquals(AT, spaces.get(i).mmap(AT, PAGE, RW, FIXED, null, 0));
        }
        for (int i = 0; i < 3; i++) {
            AddressSpace made = spaces.get(i);
            Guest guest = made.enter();
            store(guest, AT, 1);
            if (i >= open) {
                guest.close();
            }
            gone.add(new WeakReference<>(guest));
            gone.add(new WeakReference<>(made));
        }
        gone.add(new WeakReference<>(own));
    }

    private static void awaitCollected(List<WeakReference<Object>> gone) {
        Await.until("all is collected", () -> {
            System.gc();
            return gone.stream().allMatch(each -> each.get() == null);
        });
    }

    @Test
    @DisplayName("keeps no ended thread reachable, nor its class loader, while the CPU that the thread used is idle")
    void keepsNoThread() throws InterruptedException {
        List<WeakReference<Object>> gone = new ArrayList<>();
        visitOnce(gone);
        awaitCollected(gone);
        assertEquals(1, space.cpus());
        try (Guest guest = space.enter()) {
            assertEquals(1, load(guest, AT));
        }
    }

    private void visitOnce(List<WeakReference<Object>> gone) throws InterruptedException {
        Thread thread = new Thread(() -> {
            try (Guest guest = space.enter()) {
                store(guest, AT, 1);
            }
        });
        ClassLoader loader = new ClassLoader(GuestListsTest.class.getClassLoader()) {};
        thread.setContextClassLoader(loader);
        gone.add(new WeakReference<>(thread));
        gone.add(new WeakReference<>(loader));
        thread.start();
        thread.join();
    }

    /** Enters a space and leaves it at each depth of a small stack, from the deepest one on. */
    private static final class Dive {
        private static final int ENOUGH = 20;

        private final AddressSpace space;
        private int entered;
        private int overflows;

        Dive(AddressSpace space) {
            this.space = space;
        }

        int down(int depth) {
            if (depth == 0) {
                return 0;
            }
            try {
                down(depth - 1);
            } catch (StackOverflowError end) {
                overflows++;
            }
            if (entered < ENOUGH) {
                try (Guest guest = space.enter()) {
                    entered += guest.number() > 0 ? 1 : 0;
                } catch (StackOverflowError end) {
                    overflows++;
                }
            }
            return overflows;
        }
    }

    @Test
    @DisplayName("has no guest left after an overflow of the stack in an entry, or in its close")
    void overflows() throws Exception {
        for (int i = 0; i < 5; i++) {
            int depth = i == 0 ? 3 : Integer.MAX_VALUE;
            FutureTask<Integer> task = new FutureTask<>(() -> {
                try (Guest outer = space.enter()) {
                    outer.leave();
                    int overflows = new Dive(space).down(depth);
                    outer.poll();
                    return overflows;
                }
            });
            Thread thread = new Thread(null, task, "small stack", 256 << 10);
            thread.start();
            assertEquals(i > 0, Await.result("a dive", task, reports) > 0);
        }
        assertEquals(0, change(space));
    }
}
