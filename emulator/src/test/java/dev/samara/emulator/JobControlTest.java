// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Tests programs at a terminal, stopped programs, and files that represent named pipes. */
@Timeout(60)
final class JobControlTest {
    private static final int STOPPED = 128 + 19;

    @TempDir
    private Path root;

    @Test
    @DisplayName("a group in the background stops when it reads from the terminal or takes it, and goes on later")
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

    @Test
    @DisplayName("a child that waits to open a named pipe ends with the guest, and so do the names of pipes")
    void namedPipes() throws Exception {
        GuestRun run = new GuestRun(root);
        assertEquals(new GuestRun.GuestResult(0, "ok fifo\n"), run.run(GuestRun.program("fifo"), "leave"));
        try (Stream<Path> left = Files.walk(root)) {
            List<String> names =
                    left.map(each -> root.relativize(each).toString()).sorted().toList();
            assertEquals(List.of("", "folder", "folder/below"), names);
        }
    }
}
