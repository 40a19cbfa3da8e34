// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Runs Debian's gdb, if it is installed, with the program {@code debugged}. */
@Timeout(120)
final class GdbScriptTest {
    private static final Path GDB = Path.of("/usr/bin/gdb-multiarch");
    private static final int SECONDS = 90;

    private static final List<String> SCRIPT = List.of(
            "break add",
            "continue",
            "backtrace",
            "info registers pc a0 fcsr",
            "watch *(long *) &counter",
            "continue",
            "delete",
            "tbreak reached",
            "continue",
            "stepi",
            "print ((long (*)(long)) twice)(4)",
            "set var *(long *) &counter = 42",
            "continue",
            "continue",
            "break spin",
            "signal SIGTRAP",
            "info threads",
            "info proc mappings",
            "set var *(int *) &go = 1",
            "detach");

    @TempDir
    private Path root;

    private static void assertHas(String output, String... parts) {
        int at = 0;
        for (String part : parts) {
            int found = output.indexOf(part, at);
            assertTrue(found >= 0, () -> "no " + part + " in its place in\n" + output);
            at = found + part.length();
        }
    }

    @Test
    @DisplayName(
            "gdb sets breakpoints and watchpoints, shows frames, threads and mappings, calls a function, and detaches")
    void session() throws Exception {
        assumeTrue(Files.isExecutable(GDB), "there is no gdb for RISC-V");
        try (DebuggedRun run = new DebuggedRun(root, "1")) {
            Path output = root.resolve("output");
            List<String> commands = Stream.concat(
                            Stream.of("set confirm off", "set sysroot", "target remote localhost:" + run.port()),
                            SCRIPT.stream())
                    .toList();
            Path script = Files.write(root.resolve("script"), commands);
            Process gdb = new ProcessBuilder(
                            GDB.toString(),
                            "-nx",
                            "-batch",
                            "-x",
                            script.toString(),
                            GuestRun.program("debugged").toString())
                    .redirectErrorStream(true)
                    .redirectOutput(output.toFile())
                    .start();
            try {
                assertTrue(gdb.waitFor(SECONDS, TimeUnit.SECONDS), "gdb does not end");
            } finally {
                gdb.destroyForcibly();
            }
            String text = Files.readString(output, StandardCharsets.UTF_8);
            assertHas(
                    text,
                    "Breakpoint 1, ",
                    " in add ()",
                    "#1 ",
                    " in twice ()",
                    "#2 ",
                    " in main ()",
                    "<add+",
                    "21",
                    "RNE",
                    "Hardware watchpoint 2: ",
                    "Old value = 0",
                    "New value = 21",
                    " in reached ()",
                    " in main ()",
                    "$1 = 50",
                    "Program received signal SIGSEGV",
                    " in fault ()",
                    "Program received signal SIGTRAP",
                    " in own_break ()",
                    " in spin ()",
                    "* 1 ",
                    "Thread 1000.1000 (stopped)",
                    "  4 ",
                    "[stack]",
                    "detached]");
            assertEquals(new GuestRun.GuestResult(0, "ok debugged\n"), run.result());
        }
    }
}
