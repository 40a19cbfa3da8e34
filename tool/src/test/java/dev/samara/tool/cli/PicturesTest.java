// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import dev.samara.core.vma.Geometry;
import dev.samara.tool.Recordings;
import dev.samara.tool.Xml;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import jdk.jfr.Recording;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tests the commands that write pictures. */
final class PicturesTest {
    @TempDir
    private Path folder;

    @Test
    @DisplayName("maps --svg draws every mapping of a recorded program, and two runs write equal files")
    void maps() throws IOException {
        Path trace = Recordings.bundled("traces/python/001-python3.trace.gz");
        Path first = folder.resolve("1.svg");
        Path second = folder.resolve("2.svg");
        ToolRun run = ToolRun.of("maps", trace, "--svg", first);
        assertEquals(0, run.status(), run.err()::toString);
        assertEquals(List.of(first + ": 136 mappings in 40 rows, 380 MiB mapped"), run.out());
        ToolRun.of("maps", trace, "--svg", second);
        assertArrayEquals(Files.readAllBytes(first), Files.readAllBytes(second));
        String drawn = String.join("\n", Xml.parse(Files.readString(first)).texts("svg"));
        for (String line : ToolRun.of("maps", trace).out()) {
            String[] fields = line.split(" +", 6);
            assertTrue(fields.length < 6 || drawn.contains(fields[5]), line);
        }
    }

    @Test
    @DisplayName("maps draws and prints the mappings of a process of Linux, or names the line that is none")
    void mapsOfProcess() throws IOException {
        List<String> lines = List.of(
                "00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/dbus-daemon",
                "00651000-00652000 r--p 00051000 08:02 173521      /usr/bin/dbus-daemon",
                "00e24000-011f7000 rw-p 00000000 00:00 0           [heap]",
                "7f2c9d000000-7f2c9d021000 rw-p 00000000 00:00 0 ",
                "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]");
        Path text = Files.write(folder.resolve("maps"), lines);
        Path picture = folder.resolve("maps.svg");
        ToolRun run = ToolRun.of("maps", text, "--svg", picture);
        assertEquals(0, run.status(), run.err()::toString);
        assertTrue(run.lastLine().startsWith(picture + ": 5 mappings in "), run::lastLine);
        assertTrue(Files.readString(picture).contains("[vsyscall]"));
        assertEquals(lines, ToolRun.of("maps", text).out());
        assertEquals(2, ToolRun.of("maps", text, "--at", 5).status());
        Path wrong = Files.writeString(folder.resolve("wrong"), lines.get(0) + "\nnothing\n");
        ToolRun none = ToolRun.of("maps", wrong);
        assertEquals(2, none.status());
        assertEquals(List.of(wrong + ":2: is neither of a trace nor a line as /proc/PID/maps has them"), none.err());
    }

    @Test
    @DisplayName("maps draws and prints a recorded process whose files have names that no format expects")
    void strangeNames() throws IOException {
        // Recorded from a program that maps files with such names: the kernel escapes only line feeds.
        Path text = Recordings.bundled("maps/strange-names.maps");
        Path picture = folder.resolve("maps.svg");
        ToolRun run = ToolRun.of("maps", text, "--svg", picture);
        assertEquals(0, run.status(), run.err()::toString);
        assertEquals(List.of(picture + ": 28 mappings in 24 rows, 1.1 MiB mapped"), run.out());
        List<String> drawn = Xml.parse(Files.readString(picture)).texts("text");
        for (String name : List.of(
                "/tmp/maps/a<b>&\"c'",
                "/tmp/maps/<![CDATA[ ]]> <!-- --> &amp;",
                "/tmp/maps/two\\012lines",
                "/tmp/maps/carriage\\015return",
                "/tmp/maps/tab\\011here",
                "/tmp/maps/back\\slash \\012",
                "/tmp/maps/\u0085next line\u2028line separator",
                "/tmp/maps/\\033[31mred",
                "/tmp/maps/latin-\ufffd\ufffd",
                "/tmp/maps/\ufffd no character",
                "/tmp/maps/\u20ac \ud83d\ude00",
                "/tmp/maps/(deleted)",
                "/tmp/maps/gone<&> (deleted)")) {
            assertTrue(drawn.contains(name), () -> name + " is not in " + drawn);
        }
        List<String> printed = ToolRun.of("maps", text).out();
        assertEquals(28, printed.size());
        assertTrue(printed.stream().anyMatch(line -> line.endsWith(" /tmp/maps/carriage\\015return")));
        assertTrue(printed.stream().anyMatch(line -> line.endsWith(" /tmp/maps/\\205next line\u2028line separator")));
        assertTrue(printed.stream().noneMatch(line -> line.chars().anyMatch(Character::isISOControl)));
    }

    @Test
    @DisplayName("maps draws and prints no mapping of an empty file, which is what a thread of the kernel has")
    void noMappings() throws IOException {
        Path text = Files.createFile(folder.resolve("maps"));
        Path picture = folder.resolve("maps.svg");
        assertEquals(
                List.of(picture + ": 0 mappings in 0 rows, 0 B mapped"),
                ToolRun.of("maps", text, "--svg", picture).out());
        assertTrue(Xml.parse(Files.readString(picture)).texts("text").contains("no access"));
        ToolRun run = ToolRun.of("maps", text);
        assertEquals(0, run.status());
        assertEquals(List.of(), run.out());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "3000-4000 r--p 0 0:0 0 | begins below the end of the range before it",
                "1000-2000 r--p 0 0:0 0 | begins below the end of the range before it",
                "5000-5000 r--p 0 0:0 0 | its range does not end above its start",
                "6000-5000 r--p 0 0:0 0 | its range does not end above its start",
                "ffffffffffffffff-0 r--p 0 0:0 0 | its range does not end above its start",
                "10000000000000000-10000000000001000 r--p 0 0:0 0 | is neither of a trace nor a line as /proc/PID/maps"
                        + " has them",
                "-5000-6000 r--p 0 0:0 0 | is neither of a trace nor a line as /proc/PID/maps has them",
                "5000-6000 r--- 0 0:0 0 | is neither of a trace nor a line as /proc/PID/maps has them",
                "5000-6000 r--p 0 0:0 0name | is neither of a trace nor a line as /proc/PID/maps has them",
                "'' | is neither of a trace nor a line as /proc/PID/maps has them"
            })
    @DisplayName("maps names the line of a text that is no mapping, or that no address space can have")
    void noMaps(String line, String why) throws IOException {
        Path text = Files.writeString(
                folder.resolve("maps"), "2000-4000 r--p 0 0:0 0\n" + line + "\n7000-8000 r--p 0 0:0 0\n");
        Path picture = folder.resolve("none.svg");
        ToolRun run = ToolRun.of("maps", text, "--svg", picture);
        assertEquals(2, run.status());
        assertEquals(List.of(text + ":2: " + why), run.err());
        assertEquals(List.of(), run.out());
        assertFalse(Files.exists(picture));
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    @DisplayName("maps refuses an endless file in one line")
    void endless() {
        ToolRun run = ToolRun.of("maps", "/dev/zero");
        assertEquals(2, run.status());
        assertEquals(List.of("/dev/zero: is too large for the heap: give it a larger one (-Xmx)"), run.err());
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    @DisplayName("maps draws this process")
    void mapsOfThis() throws IOException {
        Path picture = folder.resolve("self.svg");
        ToolRun run = ToolRun.of("maps", "/proc/self/maps", "--svg", picture);
        assertEquals(0, run.status(), run.err()::toString);
        assertTrue(Files.readString(picture).contains("libjvm.so"));
    }

    @Test
    @DisplayName("maps --svg does not take --json, an output that cannot be written, or its own input")
    void wrongOutput() throws IOException {
        Path trace = Recordings.bundled("traces/git/003-rm.trace.gz");
        assertEquals(
                2,
                ToolRun.of("maps", "--json", trace, "--svg", folder.resolve("1.svg"))
                        .status());
        assertFalse(Files.exists(folder.resolve("1.svg")));
        ToolRun nowhere = ToolRun.of("maps", trace, "--svg", folder.resolve("none/1.svg"));
        assertEquals(2, nowhere.status());
        assertEquals(List.of(folder.resolve("none/1.svg") + ": there is no such folder"), nowhere.err());
        Path copy = Files.copy(trace, folder.resolve("1.trace.gz"));
        ToolRun itself = ToolRun.of("maps", copy, "--svg", copy);
        assertEquals(2, itself.status());
        assertEquals(List.of(copy + ": is the input, and is not replaced by its picture"), itself.err());
        assertEquals(-1, Files.mismatch(trace, copy));
    }

    @Test
    @DisplayName("timeline draws the events of a recording, and two runs write equal files")
    void timeline() throws IOException {
        Path recording = folder.resolve("<run>.jfr");
        try (Recording events = new Recording();
                Machine machine = Machine.builder().memory(1 << 20).build()) {
            events.enable("dev.samara.SpaceBegin");
            events.enable("dev.samara.SpaceEnd").withoutThreshold();
            events.start();
            for (int i = 0; i < 50; i++) {
                machine.newSpace(Geometry.LINUX_X86_64).close();
            }
            events.stop();
            events.dump(recording);
        }
        Path first = folder.resolve("1.svg");
        Path second = folder.resolve("2.svg");
        ToolRun run = ToolRun.of("timeline", recording, "--svg", first);
        assertEquals(0, run.status(), run.err()::toString);
        assertTrue(run.lastLine().startsWith(first + ": 100 events in "), run::lastLine);
        ToolRun.of("timeline", recording, "--svg", second);
        assertArrayEquals(Files.readAllBytes(first), Files.readAllBytes(second));
        List<String> texts = Xml.parse(Files.readString(first)).texts("text");
        assertTrue(texts.containsAll(List.of("<run>.jfr", "Spaces", "100 events", "seconds")), texts::toString);
    }

    @Test
    @DisplayName("timeline tells in one line that a file is no recording, is cut off, or has no event of the library")
    void wrongRecording() throws IOException {
        Path empty = folder.resolve("empty.jfr");
        try (Recording events = new Recording()) {
            events.start();
            events.stop();
            events.dump(empty);
        }
        assertComplaint(empty, "has no event of this library; record with META-INF/jfr/samara.jfc of its archive");
        byte[] whole = Files.readAllBytes(empty);
        String damaged = "is no recording of the flight recorder, or is damaged: ";
        assertComplaint(Files.writeString(folder.resolve("text.jfr"), "no recording at all, but text\n"), damaged);
        assertComplaint(Files.write(folder.resolve("nothing.jfr"), new byte[0]), damaged);
        assertComplaint(Files.write(folder.resolve("cut.jfr"), Arrays.copyOf(whole, whole.length / 2)), damaged);
        assertComplaint(folder, "is a folder, not a recording of the flight recorder");
    }

    private void assertComplaint(Path file, String message) {
        Path picture = folder.resolve("none.svg");
        ToolRun run = ToolRun.of("timeline", file, "--svg", picture);
        assertEquals(2, run.status());
        assertEquals(List.of(), run.out());
        assertEquals(1, run.err().size(), run.err()::toString);
        assertTrue(run.err().get(0).startsWith(file + ": " + message), run.err()::toString);
        assertFalse(Files.exists(picture));
    }
}
