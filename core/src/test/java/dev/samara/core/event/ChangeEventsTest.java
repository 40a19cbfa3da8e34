// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.BackedCalls;
import dev.samara.core.fixture.Awake;
import dev.samara.core.fixture.CountingBacking;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.testing.Share;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A listener is told of each change")
final class ChangeEventsTest {
    private static final boolean TORTURE = Boolean.getBoolean("samara.torture");
    private static final int STEPS =
            TORTURE ? 100_000 : Share.of("ChangeEventsTest", 4).steps(1_500);
    private static final int WRITERS = 3;
    private static final long PAGE = 0x1000;
    private static final long PLACE = 0x1000_0000L;
    private static final int READ = Mman.READ;
    private static final int READ_WRITE = READ | Mman.WRITE;
    private static final int FIXED = Mman.PRIVATE | Mman.FIXED;
    private static final int ANONYMOUS = FIXED | Mman.ANONYMOUS;
    private static final long SEED = Long.getLong("samara.seed", System.nanoTime());

    static {
        System.out.println("ChangeEventsTest: -Dsamara.seed=" + SEED);
    }

    /**
     * Follows a layout by its changes alone. By contract, only one thread at a time calls it, so it is not thread-safe,
     * but detects concurrent calls.
     */
    private static final class Follower implements LayoutListener {
        private final TreeMap<Long, Vma> layout = new TreeMap<>();
        private final List<String> mistakes = new ArrayList<>();
        private long sequence;
        private @Nullable Thread inside;

        Follower(long sequence) {
            this.sequence = sequence;
        }

        @Override
        public void changed(LayoutListener.Change change) {
            if (inside != null) {
                mistakes.add("called by two threads");
            }
            inside = Thread.currentThread();
            if (change.sequence() != ++sequence) {
                mistakes.add("number " + change.sequence() + " instead of " + sequence);
            }
            for (Vma vma : change.before()) {
                if (!layout.remove(vma.start(), vma)) {
                    mistakes.add("went without having come: " + vma);
                }
            }
            for (Vma vma : change.after()) {
                Map.Entry<Long, Vma> below = layout.lowerEntry(vma.end());
                if (below != null && below.getValue().end() > vma.start()) {
                    mistakes.add("over " + below.getValue() + ": " + vma);
                }
                layout.put(vma.start(), vma);
            }
            if (change.before().isEmpty() && change.after().isEmpty()) {
                mistakes.add("nothing changed");
            }
            inside = null;
        }
    }

    private final List<Report> reports = new CopyOnWriteArrayList<>();
    private final Machine machine = MachineInternals.machine(Machine.builder().reportTo(reports::add), range -> spin());
    private final AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);

    /** Spins long enough for other threads to find a range in flight. */
    private static void spin() {
        Awake.delay(200);
    }

    private static long page(int number) {
        return PLACE + number * PAGE;
    }

    private void map(int page, int pages, int rights) {
        assertEquals(page(page), space.mmap(page(page), pages * PAGE, rights, ANONYMOUS, null, 0));
    }

    private static List<String> ranges(List<Vma> vmas) {
        return vmas.stream()
                .map(vma -> (vma.start() - PLACE) / PAGE + "-" + (vma.end() - PLACE) / PAGE)
                .toList();
    }

    @Test
    @DisplayName("and by them alone knows the layout exactly, numbers without a gap, beside several writers")
    void follow() throws Exception {
        Follower follower = new Follower(0);
        space.addListener(follower);
        List<CountingBacking> backings = List.of(new CountingBacking("/a", 1), new CountingBacking("/b", 2));
        List<Callable<@Nullable Void>> bodies = new ArrayList<>();
        for (int writer = 0; writer < WRITERS; writer++) {
            BackedCalls calls = new BackedCalls(new Random(SEED + writer), backings, PLACE, 40);
            bodies.add(() -> {
                for (int step = 0; step < STEPS; step++) {
                    calls.on(space);
                }
                return null;
            });
        }
        ExecutorService pool = Executors.newFixedThreadPool(WRITERS);
        try {
            for (Future<@Nullable Void> result : pool.invokeAll(bodies)) {
                result.get();
            }
        } finally {
            pool.shutdown();
        }
        machine.awaitQuiescence();
        assertEquals(List.of(), follower.mistakes);
        List<Vma> vmas = space.snapshot().vmas();
        List<Vma> followed = List.copyOf(follower.layout.values());
        assertEquals(vmas.size(), followed.size());
        for (int i = 0; i < vmas.size(); i++) {
            assertSame(vmas.get(i), followed.get(i));
        }
        assertTrue(follower.sequence > STEPS);
        space.close();
        machine.awaitQuiescence();
        assertTrue(follower.layout.isEmpty());
        assertEquals(List.of(), follower.mistakes);
        assertEquals(List.of(), reports);
    }

    @Test
    @DisplayName("a join at the completion is a second change")
    void lateJoin() throws InterruptedException {
        map(0, 2, READ);
        map(2, 2, READ_WRITE);
        List<LayoutListener.Change> changes = new CopyOnWriteArrayList<>();
        space.addListener(changes::add);
        assertEquals(0, space.mprotect(page(2), 2 * PAGE, READ));
        machine.awaitQuiescence();
        assertEquals(2, changes.size());
        assertEquals(List.of("2-4"), ranges(changes.get(0).before()));
        assertEquals(List.of("2-4"), ranges(changes.get(0).after()));
        assertEquals(List.of("0-2", "2-4"), ranges(changes.get(1).before()));
        assertEquals(List.of("0-4"), ranges(changes.get(1).after()));
        assertEquals(changes.get(0).sequence() + 1, changes.get(1).sequence());
        assertThrows(
                UnsupportedOperationException.class,
                () -> changes.get(0).after().clear());
    }

    @Test
    @DisplayName("but not of a call that fails, or that changes no mapping")
    void nothingChanged() throws InterruptedException {
        map(0, 2, READ);
        List<LayoutListener.Change> changes = new CopyOnWriteArrayList<>();
        space.addListener(changes::add);
        assertEquals(0, space.mprotect(page(0), 2 * PAGE, READ));
        assertEquals(0, space.munmap(page(10), PAGE));
        assertTrue(space.mprotect(page(10), PAGE, READ) < 0);
        assertEquals(0, space.msync(page(0), PAGE, 0));
        machine.awaitQuiescence();
        assertEquals(List.of(), changes);
        map(5, 1, READ);
        map(7, 1, READ);
        machine.awaitQuiescence();
        assertEquals(2, changes.size());
        assertEquals(changes.get(0).sequence() + 1, changes.get(1).sequence());
    }

    @Test
    @DisplayName("while another throws at each, and each throw is reported")
    void throwing() throws InterruptedException {
        IllegalStateException thrown = new IllegalStateException("listener");
        Follower follower = new Follower(0);
        space.addListener(change -> {
            throw thrown;
        });
        space.addListener(follower);
        map(0, 2, READ);
        map(5, 2, READ);
        machine.awaitQuiescence();
        assertEquals(2, reports.size());
        for (Report report : reports) {
            assertEquals(Report.Kind.CALLBACK_FAILED, report.kind());
            assertSame(thrown, report.cause());
        }
        assertEquals(2, follower.layout.size());
    }

    @Test
    @DisplayName("while another blocks, and beside calls and closes, which go on")
    void blocking() throws InterruptedException {
        CountDownLatch blocked = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        CountDownLatch closed = new CountDownLatch(1);
        CountDownLatch told = new CountDownLatch(3);
        List<Long> late = new CopyOnWriteArrayList<>();
        space.addListener(change -> {
            blocked.countDown();
            try {
                goOn.await();
            } catch (InterruptedException interrupted) {
                throw new AssertionError(interrupted);
            }
            late.add(change.sequence());
        });
        space.addListener(change -> told.countDown());
        CountingBacking backing = new CountingBacking("/a", 1) {
            @Override
            protected void toldOfClose(Vma vma) {
                closed.countDown();
            }
        };
        map(0, 2, READ);
        blocked.await();
        assertEquals(page(5), space.mmap(page(5), PAGE, READ, FIXED, backing, 0));
        assertEquals(0, space.munmap(page(5), PAGE));
        closed.await();
        told.await();
        assertEquals(List.of(), late);
        goOn.countDown();
        machine.awaitQuiescence();
        assertEquals(List.of(1L, 2L, 3L), late);
    }

    @Test
    @DisplayName("and may map memory then, of which it is told as well")
    void callingBack() throws InterruptedException {
        List<Long> told = new CopyOnWriteArrayList<>();
        space.addListener(change -> {
            told.add(change.sequence());
            if (change.sequence() < 5) {
                map(10 * (int) change.sequence(), 1, READ);
            } else if (change.sequence() == 5) {
                assertEquals(0, space.munmap(page(0), 100 * PAGE));
            }
        });
        map(0, 1, READ);
        machine.awaitQuiescence();
        assertEquals(List.of(1L, 2L, 3L, 4L, 5L, 6L), told);
        assertNull(space.find(page(0)));
        assertEquals(List.of(), reports);
    }

    @Test
    @DisplayName("until its registration is closed")
    void removed() throws InterruptedException {
        Follower follower = new Follower(0);
        Follower stays = new Follower(0);
        Registration registration = space.addListener(follower);
        space.addListener(stays);
        map(0, 1, READ);
        machine.awaitQuiescence();
        registration.close();
        map(2, 1, READ);
        machine.awaitQuiescence();
        assertEquals(1, follower.layout.size());
        assertEquals(2, stays.layout.size());
        Follower joins = new Follower(2);
        space.addListener(joins);
        map(4, 1, READ);
        machine.awaitQuiescence();
        assertEquals(List.of(), joins.mistakes);
        assertEquals(1, joins.layout.size());
        assertNotNull(space.find(page(4)));
    }
}
