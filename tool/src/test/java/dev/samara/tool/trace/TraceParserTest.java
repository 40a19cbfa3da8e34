// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.mman.Resource;
import dev.samara.core.vma.VmaFlags;
import dev.samara.tool.MadeUpTrace;
import dev.samara.tool.Recordings;
import dev.samara.tool.record.InputException;
import dev.samara.tool.trace.Event.Kind;
import dev.samara.tool.trace.TraceHeader.CopyOf;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class TraceParserTest {
    @TempDir
    private Path folder;

    @Test
    @DisplayName("the header, with the origin of a child")
    void header() throws IOException, InputException {
        Path file = new MadeUpTrace()
                .header("origin", "fork parent-mm=3 parent-seq=17")
                .header("mm", "4")
                .header("rlimit AS", "0x10000")
                .write(folder.resolve("child.trace.gz"));
        TraceHeader header = TraceParser.parse(file).header();
        assertEquals(new CopyOf(3, 17), header.origin());
        assertEquals(4, header.mm());
        assertEquals(0x10000L, header.limits().get(Resource.AS));
        assertEquals(-1L, header.limits().get(Resource.DATA));
        assertEquals(0x7fffffffe720L, header.startStack());
    }

    @ParameterizedTest
    @CsvSource({
        "fork child=2 flags=0x1200011 child-mm=9, FORK, 2, 9, false",
        "thread child=2 flags=0x3d0f00, THREAD, 2, 0, false",
        "thread child=2 flags=0x100, THREAD, 2, 0, true",
        "vfork child=2 flags=0x4111, VFORK, 2, 0, true",
        "exec-enter path=/bin/a\\040b, EXEC_ENTER, 0, 0, false",
        "exec-ok new-mm=2, EXEC_OK, 0, 0, false",
        "exit status=0x0, EXIT, 0, 0, false"
    })
    @DisplayName("every event")
    void events(String text, Kind kind, int child, int space, boolean sharesOnlyMemory)
            throws IOException, InputException {
        Path file = new MadeUpTrace().lines("ev 0 1 " + text).write(folder.resolve("event.trace.gz"));
        Event event = (Event) TraceParser.parse(file).entries().get(0);
        assertEquals(kind, event.kind());
        assertEquals(child, event.child());
        assertEquals(space, event.childSpace());
        assertEquals(sharesOnlyMemory, event.sharesOnlyMemory());
        assertEquals(25, event.line());
    }

    @Test
    @DisplayName("no more lines than there is room for in the heap, in entries and in snapshots")
    void room() throws IOException, InputException {
        Path events = new MadeUpTrace()
                .lines(IntStream.range(0, 1000)
                        .mapToObj(i -> "ev " + i + " 1 exit status=0x0")
                        .toArray(String[]::new))
                .write(folder.resolve("events.trace.gz"));
        assertEquals(1000, TraceParser.parse(events, 1 << 20).entries().size());
        assertNoRoom(events, 25 + 100, 100 << 10);
        Path maps = new MadeUpTrace()
                .lines("maps-begin 0 periodic")
                .lines(IntStream.range(1, 1000)
                        .mapToObj(i -> Integer.toHexString(i * 8192) + "-" + Integer.toHexString(i * 8192 + 4096)
                                + " rw-p 00000000 00:00 0")
                        .toArray(String[]::new))
                .lines("maps-end")
                .write(folder.resolve("maps.trace.gz"));
        assertEquals(1, TraceParser.parse(maps, 1 << 20).entries().size());
        assertNoRoom(maps, 25 + 100, 100 << 10);
    }

    /** Checks that the reported line is one of the first lines that would not fit. */
    private static void assertNoRoom(Path file, int last, long room) {
        InputException complaint = assertThrows(InputException.class, () -> TraceParser.parse(file, room));
        String[] parts = String.valueOf(complaint.getMessage()).split(":", 3);
        assertEquals(" the trace up to here takes half of the heap: give it a larger one (-Xmx)", parts[2]);
        int line = Integer.parseInt(parts[1]);
        assertTrue(line > last && line < 10 * last, () -> "line " + line);
    }

    @Test
    @DisplayName("snapshots, with and without flags, whose addresses may be padded or not")
    void snapshots() throws IOException, InputException {
        Path file = new MadeUpTrace()
                .snapshot(0, "exec")
                .snapshot(0, "periodic")
                .lines("op 0 1 brk addr=0x0 = 0x555555694000")
                .snapshot(1, "truncated")
                .lines("end truncated")
                .write(folder.resolve("snapshots.trace.gz"));
        Trace trace = TraceParser.parse(file);
        KernelSnapshot periodic = (KernelSnapshot) trace.entries().get(0);
        KernelSnapshot last = (KernelSnapshot) trace.entries().get(2);
        assertEquals(List.of(), periodic.flags());
        assertEquals("periodic", periodic.reason());
        assertEquals(25, periodic.line());
        assertEquals(1, last.sequence());
        assertEquals(trace.start().maps().get(0).text(), last.maps().get(0).text());
        MapsLine program = last.maps().get(0);
        FlagsLine flags = last.flags().get(0);
        assertEquals(0x400000, program.start());
        assertEquals(program.start(), flags.start());
        assertEquals(VmaFlags.READ | VmaFlags.EXEC, program.rights());
        assertEquals(VmaFlags.READ | VmaFlags.EXEC | VmaFlags.MAY_ACCESS, flags.flags());
        assertEquals("00400000-00401000 rd ex mr mw me", flags.text());
        assertEquals("/bin/made-up", program.name());
        assertEquals(0xfe, program.major());
        assertEquals(7, program.inode());
        assertEquals("[stack]", last.maps().get(1).name());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "op 0 1 munmap addr=0x0 len=0x1",
                "op 0 1",
                "op x 1 munlockall = 0",
                "op 0 x munlockall = 0",
                "op 0 4294967297 munlockall = 0",
                "op 0 -1 munlockall = 0",
                "ev 0 4294967297 exit status=0x0",
                "ev 0 1",
                "ev 0 1 what",
                "ev 0 1 fork child=2 flags=0x0",
                "maps-begin 0",
                "what 0 1",
                "end what"
            })
    @DisplayName("a malformed line of the body is named")
    void malformed(String line) throws IOException {
        assertComplaint(25, new MadeUpTrace().lines(line));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "1000 rw-p 00000000 00:00 0 ",
                "1000-1000 rw-p 00000000 00:00 0 ",
                "1000-2000 rw- 00000000 00:00 0 ",
                "1000-2000 wr-p 00000000 00:00 0 ",
                "1000-2000 rw-p 0000g000 00:00 0 ",
                "1000-2000 rw-p 00000000 0000 0 ",
                "1000-2000 rw-p 00000000 00:00",
                "1000-2000 rw-p 00000000 -1:00 0 ",
                "7fffff000000-7fffff001000 rw-p 00000000 00:00 0 "
            })
    @DisplayName("a malformed line of a snapshot is named, one out of order too")
    void malformedSnapshot(String line) throws IOException {
        MadeUpTrace trace =
                new MadeUpTrace().lines("maps-begin 0 periodic", "7fffff000000-7ffffffff000 rw-p 00000000 00:00 0 ");
        assertComplaint(27, trace.lines(line, "maps-end"));
    }

    @Test
    @DisplayName("numbers that do not rise, a line behind the end, and no end at all")
    void order() throws IOException {
        String call = "op 3 1 munlockall = 0";
        assertComplaint(26, new MadeUpTrace().lines(call, call));
        assertComplaint(26, new MadeUpTrace().lines("end exit", call, "end exit"));
        Path file = new MadeUpTrace().write(folder.resolve("open.trace.gz"));
        List<String> lines = Recordings.lines(file);
        lines.remove(lines.size() - 1);
        Recordings.write(file, lines);
        assertEquals(
                file + ":25: the file ends before its 'end' line",
                assertThrows(InputException.class, () -> TraceParser.parse(file))
                        .getMessage());
    }

    @ParameterizedTest
    @CsvSource({
        "page-size, 16384",
        "mm, one",
        "mm, 4294967297",
        "mm, -1",
        "tid, 4294967297",
        "origin, spawn",
        "origin, fork parent-mm=4294967297 parent-seq=1",
        "origin, fork parent-mm=1 parent-seq=1",
        "rlimit AS, much",
        "vmtrace, 2"
    })
    @DisplayName("a header that cannot be replayed")
    void headerComplaints(String key, String value) throws IOException {
        Path file = new MadeUpTrace().header(key, value).write(folder.resolve("header.trace.gz"));
        assertThrows(InputException.class, () -> TraceParser.parse(file));
    }

    private void assertComplaint(int line, MadeUpTrace trace) throws IOException {
        Path file = trace.write(folder.resolve("malformed.trace.gz"));
        InputException complaint = assertThrows(InputException.class, () -> TraceParser.parse(file));
        assertEquals(0, String.valueOf(complaint.getMessage()).indexOf(file + ":" + line + ": "), complaint::toString);
    }
}
