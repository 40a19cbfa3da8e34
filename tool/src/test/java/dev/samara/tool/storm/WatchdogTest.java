// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class WatchdogTest {
    private static final Duration PATIENCE = Duration.ofMillis(200);
    private static final int ANONYMOUS = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
    private static final long PLACE = 0x10_0000_0000L;

    private final Course course = new Course(7, true);
    private final StormRules rules = new StormRules(course);
    private final Reports reports = new Reports(course, rules.silent);
    private final Crew crew = new Crew(course, rules);
    private final CountDownLatch goesOn = new CountDownLatch(1);
    private final CountDownLatch isReported = new CountDownLatch(1);

    private void block() {
        boolean interrupted = false;
        while (goesOn.getCount() > 0) {
            try {
                goesOn.await();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    @DisplayName("a callback that blocks for ever ends the run, which says what each thread waits for, with all stacks")
    @SuppressWarnings("ThreadPriorityCheck") // with one processor, the other thread needs it
    void callbackBlocks() throws InterruptedException {
        Machine machine = Machine.builder()
                .reportWaitsLongerThan(Duration.ofMillis(1))
                .reportTo(report -> {
                    reports.accept(report);
                    isReported.countDown();
                })
                .build();
        AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
        space.mmap(PLACE, PageModel.PAGE, Mman.READ, ANONYMOUS, null, 0);
        CountDownLatch isBlocked = new CountDownLatch(1);
        space.addNotifier((start, end, reason) -> {
            isBlocked.countDown();
            block();
        });
        crew.add("blocked", random -> space.munmap(PLACE, PageModel.PAGE));
        AtomicReference<@Nullable Thread> behind = new AtomicReference<>();
        crew.add("behind", random -> {
            behind.set(Thread.currentThread());
            isBlocked.await();
            space.mmap(PLACE, PageModel.PAGE, Mman.READ, ANONYMOUS, null, 0);
        });
        try (Watchdog watchdog = new Watchdog(course, crew, reports, rules.progress, PATIENCE)) {
            crew.start();
            isReported.await();
            // The thread parks between two checks of its gate, even if it did not run for a long time.
            while (!String.valueOf(LockSupport.getBlocker(behind.get())).contains("munmap")) {
                Thread.yield();
            }
            watchdog.start();
            assertFalse(crew.awaitEnd());
        } finally {
            goesOn.countDown();
        }
        assertTrue(course.isOver());
        String line = rules.progress.line();
        assertTrue(
                line.matches("FAILED I5 every step makes progress: after [0-9.]+ s, --seed 7:"
                        + " (blocked|behind) has made no progress for \\d+ s \\(.*\\)"),
                line);
        String history = rules.progress.history();
        assertTrue(history.contains("\nbehind waits at munmap(0x1000000000, 0x1000"), history);
        assertTrue(history.contains("LONG_WAIT"), history);
        assertTrue(history.contains("WatchdogTest.block("), history);
    }

    @Test
    @DisplayName("a wait does not count while a CPU is stopped on purpose")
    void cpuStoppedOnPurpose() throws InterruptedException {
        course.stopsCpu();
        long before = course.workedNanos();
        awaitTick();
        assertEquals(before, course.workedNanos());
        course.resumesCpu();
        awaitTick();
        assertTrue(course.workedNanos() > before);
    }

    /** Waits for the next tick of the clock. */
    @SuppressWarnings("ThreadPriorityCheck") // nothing depends on it
    private static void awaitTick() {
        long start = System.nanoTime();
        while (System.nanoTime() == start) {
            Thread.yield();
        }
    }
}
