// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

final class MapsOfThisProcessTest {
    private static final String PROGRAM = "555555554000-555555556000 r-xp 00001000 fe:00 7";

    @TempDir
    private Path folder;

    @Test
    @EnabledOnOs(OS.LINUX)
    @DisplayName("the first mapping of this process is printed as Linux does")
    void thisProcess() throws Exception {
        // The heap of this process may grow between two reads of its mappings, so both reads use one copy.
        List<String> now = MapsOfThisProcess.read(Path.of("/proc/self/maps"));
        Path copy = Files.write(folder.resolve("maps"), now);
        List<String> printed = Printed.by(() -> MapsOfThisProcess.print(copy));
        assertEquals(now.size() + " mappings were loaded.", printed.get(0));
        assertTrue(printed.get(1).matches("[0-9a-f]+ lies in"), printed::toString);
        assertEquals("  " + now.get(0), printed.get(2));
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    @DisplayName("run as docs/tool.md says, it looks an address of this process up")
    void asItIsRun() throws Exception {
        List<String> printed = Printed.by(() -> MapsOfThisProcess.main(new String[0]));
        assertTrue(printed.get(0).matches("\\d+ mappings were loaded\\."), printed::toString);
        assertTrue(printed.get(1).matches("[0-9a-f]+ lies in"), printed::toString);
        assertTrue(printed.get(2).matches("  [0-9a-f]+-[0-9a-f]+ [-rwxps]{4} .*"), printed::toString);
    }

    @Test
    @DisplayName("an address that is given is looked up, mapped or not")
    void givenAddress() throws Exception {
        Path maps =
                Files.write(folder.resolve("maps"), List.of(PROGRAM + " /bin/a", "7ffff000-80000000 rw-p 0 00:00 0"));
        assertEquals(
                List.of("2 mappings were loaded.", "555555555fff lies in", "  " + PROGRAM + " ".repeat(26) + "/bin/a"),
                Printed.by(() -> MapsOfThisProcess.print(maps, "555555555fff")));
        assertEquals(
                List.of("2 mappings were loaded.", "555555556000 lies in none of them."),
                Printed.by(() -> MapsOfThisProcess.print(maps, "555555556000")));
    }

    @Test
    @DisplayName("where there is no /proc, that is said")
    void noProc() throws Exception {
        Path missing = folder.resolve("maps");
        assertEquals(
                List.of("Sorry, this needs Linux: there is no " + missing + " to be read here."),
                Printed.by(() -> MapsOfThisProcess.print(missing)));
    }
}
