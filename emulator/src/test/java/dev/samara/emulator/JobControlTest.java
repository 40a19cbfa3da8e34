// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Tests programs at a terminal, and stopped programs. */
@Timeout(60)
final class JobControlTest {
    private static final int STOPPED = 128 + 19;

    @TempDir
    private Path root;

    @Test
    @DisplayName("a terminal has no foreground group: each group reads, and requests about groups are ENOTTY")
    void terminal() throws Exception {
        GuestRun run = new GuestRun(root).terminal();
        assertEquals(new GuestRun.GuestResult(0, "ok jobs\n"), run.run(GuestRun.program("jobs"), "terminal"));
    }

    @Test
    @DisplayName("a program outside of the root executes itself by its first argument, however it was named")
    void namedAnyhow() throws Exception {
        Path program = GuestRun.program("jobs");
        Path detour = program.resolveSibling("../riscv/jobs");
        assertEquals(new GuestRun.GuestResult(0, "ok jobs\n"), new GuestRun(root).run(detour));
    }

    @Test
    @DisplayName("a guest ends when all of its processes have stopped, and says so")
    void allStopped() throws Exception {
        GuestRun.GuestResult result = new GuestRun(root).run(GuestRun.program("jobs"), "stopped");
        assertEquals(STOPPED, result.status());
        assertEquals(
                "samara: all processes have stopped, process 1000 by signal 19: nobody can continue them\n",
                result.output());
    }
}
