// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Awake;
import dev.samara.core.fixture.Latches;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.mman.Mman;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class WatchedThreadsTest {
    private static final long PLACE = 0x10_0000_0000L;

    private final TortureRun run = new TortureRun(7, false, "");
    private final Checker calls = new Checker("calls", run);
    private final Checker progress = new Checker("progress", run);

    private String report() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        Checker.print(List.of(calls, progress), "facts", new PrintStream(bytes, true, StandardCharsets.UTF_8));
        return bytes.toString(StandardCharsets.UTF_8);
    }

    @Test
    @DisplayName("a callback that blocks for ever ends the run, which says what each thread waits for, with all stacks")
    void callbackBlocks() throws InterruptedException {
        CountDownLatch goesOn = new CountDownLatch(1);
        CountDownLatch isBlocked = new CountDownLatch(1);
        CountDownLatch isReported = new CountDownLatch(1);
        Machine machine = MachineInternals.machine(
                Machine.builder().reportWaitsLongerThan(Duration.ofMillis(1)).reportTo(report -> {
                    run.reported(report);
                    isReported.countDown();
                }),
                range -> {
                    isBlocked.countDown();
                    Latches.await(goesOn);
                });
        AddressSpace space = machine.newSpace(TortureSpace.GEOMETRY);
        space.mmap(PLACE, TortureSpace.PAGE, 0, TortureSpace.FIXED, null, 0);
        try (WatchedThreads threads = new WatchedThreads(run, calls, progress, Duration.ofMillis(200))) {
            threads.start("blocked", () -> space.munmap(PLACE, TortureSpace.PAGE));
            Thread behind = threads.start("behind", () -> {
                Latches.await(isBlocked);
                space.mmap(PLACE, TortureSpace.PAGE, 0, Mman.FIXED | TortureSpace.ANYWHERE, null, 0);
            });
            isReported.await();
            // The thread parks between two checks of its gate, even if it was not scheduled for a long time.
            Await.until("a wait at the gate", () -> LockSupport.getBlocker(behind) instanceof Gate, behind);
            threads.watch();
            assertFalse(threads.awaitEnd());
        } finally {
            goesOn.countDown();
        }
        String report = report();
        assertTrue(
                report.matches("(?s)FAILED progress: after \\d+ ms, -Dtorture.seed=7( -Dsamara.divided=true)?:"
                        + " (blocked|behind) has made no progress for \\d+ ms .*"),
                report);
        assertTrue(report.contains("behind waits at munmap(0x1000000000, 0x1000"), report);
        assertTrue(report.contains("LONG_WAIT"), report);
        assertTrue(report.contains("WatchedThreadsTest"), report);
    }

    @Test
    @DisplayName("the first violation ends the run; its line is the first, its history behind all others")
    void firstViolationEndsTheRun() throws InterruptedException {
        run.begin(Duration.ofHours(1), () -> true);
        try (WatchedThreads threads = new WatchedThreads(run, calls, progress, Duration.ofHours(1))) {
            threads.start("waiting", () -> {
                while (run.goesOn()) {
                    Awake.turn();
                }
            });
            threads.start("throwing", () -> {
                throw new IllegalStateException("on purpose");
            });
            threads.watch();
            assertTrue(threads.awaitEnd());
        }
        List<String> lines = report().lines().toList();
        assertTrue(
                lines.get(0)
                        .matches("FAILED calls: after \\d+ ms, -Dtorture.seed=7( -Dsamara.divided=true)?: throwing:"
                                + " java.lang.IllegalStateException: on purpose \\(0 checks, 1 violations\\)"),
                lines::toString);
        assertTrue(
                lines.get(1).startsWith("open   progress") || lines.get(1).startsWith("passed progress"),
                lines::toString);
        assertTrue(lines.get(2).equals("facts") && lines.get(3).startsWith("    \tat "), lines::toString);
        assertTrue(lines.get(lines.size() - 1).endsWith(" passed, 1 failed"), lines::toString);
    }

    @Test
    @DisplayName("a run that is to keep going does")
    void keepsGoing() {
        TortureRun going = new TortureRun(7, true, "");
        new Checker("a rule", going).violated("why");
        assertTrue(going.isBroken());
        assertFalse(going.isOver());
    }
}
