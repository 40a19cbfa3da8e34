// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import static dev.samara.core.mman.Mman.ANONYMOUS;
import static dev.samara.core.mman.Mman.FIXED;
import static dev.samara.core.mman.Mman.PRIVATE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.LayoutSnapshot;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.event.LayoutListener;
import dev.samara.core.event.Registration;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Awake;
import dev.samara.core.fixture.ChangeHistory;
import dev.samara.core.fixture.ChangeReplay;
import dev.samara.core.internal.space.Divisions;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A listener of a layout that is divided and joined")
class ListenerOrderTest {
    private static final boolean TORTURE = Boolean.getBoolean("samara.torture");
    private static final long PAGE = 0x1000;
    private static final long PLACE = 0x1000_0000L;
    private static final int HERE = PRIVATE | ANONYMOUS | FIXED;
    private static final int RW = Mman.READ | Mman.WRITE;

    /** The number of threads. Each has its own place of {@link #PAGES} pages. */
    private static final int WRITERS = 3;

    private static final int PAGES = 16;
    private static final int STEPS = TORTURE ? 100_000 : 2_000;

    /** The number of rounds. All listeners are judged at the end of each round. */
    private static final int ROUNDS = TORTURE ? 500 : 10;

    private static final long SEED = Long.getLong("samara.seed", System.nanoTime());

    static {
        System.out.println("ListenerOrderTest: -Dsamara.seed=" + SEED);
    }

    private final List<Report> reports = new CopyOnWriteArrayList<>();
    private final List<Random> randoms = IntStream.range(0, WRITERS)
            .mapToObj(writer -> new Random(SEED + writer))
            .toList();
    private Machine machine;
    private AddressSpace space;
    private Layout layout;

    @BeforeEach
    void space() {
        machine = MachineInternals.withLocks(
                Machine.builder().reportTo(reports::add).build(), LingeringLock::new);
        space = machine.newSpace(Geometry.LINUX_X86_64);
        layout = MachineInternals.layoutOf(space);
    }

    /** A lock after whose release other threads often run first, so a listener may be removed before a delivery. */
    private static final class LingeringLock extends ReentrantLock {
        private static final long serialVersionUID = 1;

        @Override
        public void unlock() {
            super.unlock();
            if (ThreadLocalRandom.current().nextInt(32) == 0) {
                Awake.turn();
            }
        }
    }

    private static long page(int writer, int page) {
        return PLACE + (writer * (PAGES + 2L) + page) * PAGE;
    }

    private static long[] borders() {
        long[] borders = new long[WRITERS - 1];
        for (int i = 0; i < borders.length; i++) {
            borders[i] = page(i + 1, 0) - PAGE;
        }
        return borders;
    }

    /** Changes the place of a writer, and sometimes also its neighbours. */
    private void step(int writer, Random random) {
        long start = page(writer, random.nextInt(PAGES / 2));
        long length = (1 + random.nextInt(PAGES / 2)) * PAGE;
        switch (random.nextInt(40)) {
            case 0 -> space.munmap(start, 3 * PAGES * PAGE);
            case 1 -> space.mmap(start, 2 * PAGES * PAGE, RW, HERE, null, 0);
            case 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 -> space.munmap(start, length);
            case 12, 13, 14, 15, 16, 17, 18, 19, 20, 21 ->
                space.mprotect(start, length, random.nextBoolean() ? Mman.READ : RW);
            default -> space.mmap(start, length, random.nextBoolean() ? Mman.READ : RW, HERE, null, 0);
        }
    }

    private List<Callable<@Nullable Void>> writers(AtomicInteger running, int steps) {
        List<Callable<@Nullable Void>> bodies = new ArrayList<>();
        for (Random random : randoms) {
            int writer = bodies.size();
            running.incrementAndGet();
            bodies.add(() -> {
                try {
                    for (int n = 0; n < steps; n++) {
                        step(writer, random);
                    }
                } finally {
                    running.decrementAndGet();
                }
                return null;
            });
        }
        return bodies;
    }

    private static void run(List<Callable<@Nullable Void>> bodies) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(bodies.size());
        try {
            for (Future<@Nullable Void> result : pool.invokeAll(bodies)) {
                result.get();
            }
        } finally {
            pool.shutdown();
        }
    }

    /** A removed listener, and what its thread saw. */
    private record Removed(ChangeReplay replay, ChangeHistory.Registered registered) {}

    /** Adds a listener, and removes it once the listener of all changes received another change, or at the end. */
    private Removed follow(AtomicInteger running, AtomicInteger changes) {
        ChangeReplay replay = new ChangeReplay();
        LayoutSnapshot earlier = space.snapshot();
        Registration registration = space.addListener(replay);
        LayoutSnapshot begun = space.snapshot();
        int seen = changes.get();
        Await.until("another change", () -> changes.get() != seen || running.get() == 0);
        LayoutSnapshot ending = space.snapshot();
        registration.close();
        return new Removed(replay, new ChangeHistory.Registered(earlier, begun, ending, space.snapshot()));
    }

    /** Makes writers change a layout, concurrently with a thread that divides it and with another body. */
    private void round(int steps, Function<AtomicInteger, Callable<@Nullable Void>> other) throws Exception {
        AtomicInteger running = new AtomicInteger();
        List<Callable<@Nullable Void>> bodies = writers(running, steps);
        bodies.add(() -> {
            while (running.get() != 0) {
                Divisions.divide(layout, borders());
                Awake.turn();
            }
            return null;
        });
        bodies.add(other.apply(running));
        run(bodies);
        machine.awaitQuiescence();
        assertEquals(List.of(), reports);
    }

    @Test
    @DisplayName("follows the layout, whether added before, during or after divisions, and until it is removed")
    void follow() throws Exception {
        ChangeReplay all = new ChangeReplay();
        AtomicInteger changes = new AtomicInteger();
        space.addListener(change -> {
            all.changed(change);
            changes.incrementAndGet();
        });
        List<ChangeReplay> late = new ArrayList<>();
        for (int i = 0; i < ROUNDS; i++) {
            List<Removed> removed = new ArrayList<>();
            assertEquals(0, space.munmap(0, 0x7000_0000_0000L));
            assertTrue(Divisions.divide(layout, borders()), "nothing is mapped and no operation is in flight");
            machine.awaitQuiescence();
            int before = all.changes().size();
            round(STEPS / ROUNDS, running -> () -> {
                while (running.get() != 0) {
                    removed.add(follow(running, changes));
                    if (late.size() < 4) {
                        late.add(new ChangeReplay());
                        space.addListener(late.get(late.size() - 1));
                    }
                }
                return null;
            });
            all.requireAllOf(space);
            for (ChangeReplay each : late) {
                if (!each.changes().isEmpty()) {
                    each.requireRestOf(all, space);
                }
            }
            ChangeHistory history = new ChangeHistory(
                    all.changes().subList(before, all.changes().size()));
            for (Removed each : removed) {
                each.replay.requireNoGap();
                history.requireSection(each.replay.changes(), each.registered);
            }
        }
        ChangeReplay after = new ChangeReplay();
        space.addListener(after);
        assertEquals(PLACE, space.mmap(PLACE, PAGE, Mman.NONE, HERE, null, 0));
        machine.awaitQuiescence();
        assertEquals(all.last(), after.last());
        assertEquals(0, space.munmap(0, 0x7000_0000_0000L));
        machine.awaitQuiescence();
        all.requireAllOf(space);
        after.requireRestOf(all, space);
    }

    @Test
    @DisplayName("that needs one order keeps it from being divided, and receives the numbers of the publications")
    void total() throws Exception {
        Divisions.divide(layout, borders());
        ChangeReplay all = new ChangeReplay();
        ChangeReplay other = new ChangeReplay();
        Registration registration = space.addListener(all, LayoutListener.Order.TOTAL);
        space.addListener(other, LayoutListener.Order.TOTAL);
        AtomicInteger running = new AtomicInteger();
        AtomicInteger divided = new AtomicInteger();
        List<Callable<@Nullable Void>> bodies = writers(running, STEPS);
        bodies.add(() -> {
            while (running.get() != 0) {
                if (Divisions.divide(layout, borders())) {
                    divided.incrementAndGet();
                }
                Awake.turn();
            }
            return null;
        });
        run(bodies);
        machine.awaitQuiescence();
        assertEquals(0, divided.get());
        all.requireAllOf(space);
        assertEquals(numbered(all), numbered(other));
        registration.close();
        assertFalse(Divisions.divide(layout, borders()));
    }

    private static List<String> numbered(ChangeReplay replay) {
        List<String> numbered = new ArrayList<>();
        for (LayoutListener.Change change : replay.changes()) {
            numbered.add(change.sequence() + " " + change.before() + change.after());
        }
        return numbered;
    }

    @Test
    @DisplayName("in the usual order leaves it divided, and has changes in the order of the calls of one thread")
    void ofOneThread() throws InterruptedException {
        ChangeReplay all = new ChangeReplay();
        space.addListener(all);
        assertTrue(Divisions.divide(layout, borders()));
        for (int i = 0; i < 10; i++) {
            for (int writer = 0; writer < WRITERS; writer++) {
                assertEquals(page(writer, i), space.mmap(page(writer, i), PAGE, i % 2 + 1, HERE, null, 0));
            }
        }
        machine.awaitQuiescence();
        all.requireAllOf(space);
        for (int i = 0; i < all.changes().size(); i++) {
            LayoutListener.Change change = all.changes().get(i);
            assertEquals(i + 1, change.sequence());
            assertEquals(page(i % WRITERS, i / WRITERS), change.after().get(0).start());
        }
    }
}
