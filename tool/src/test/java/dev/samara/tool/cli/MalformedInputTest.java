// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.tool.MadeUpTrace;
import dev.samara.tool.Recordings;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Checks that malformed input is reported with its line, and that all other files are still checked and counted. */
final class MalformedInputTest {
    private static final String TRAILING = "cannot be read: there are bytes after the compressed data";
    private static final String CUT = "cannot be read: the compressed data is cut off, or there is none";

    @TempDir
    private Path folder;

    @ParameterizedTest
    @CsvSource({
        "00001000-00002000 rw-s 00000000 00:01 4294967295 /SYSV00000000 (deleted), 19, "
                + "inode 4294967295 is no number of a segment",
        "00001000-00002000 rw-s fffffffffffff000 00:01 7 /SYSV00000000 (deleted), 19, "
                + "no segment is so large that it has offset 0xfffffffffffff000",
        "00001000-00002000 rw-s 7ffffffffffff000 00:01 7 /SYSV00000000 (deleted), 19, "
                + "no segment is so large that it has offset 0x7ffffffffffff000"
    })
    @DisplayName("a segment that cannot be, in the first snapshot")
    void segments(String mapping, int line, String message) throws IOException {
        Path file = new MadeUpTrace()
                .hides("00400000")
                .hides("400000")
                .shows("00000000-00001000 ---p 00000000 00:00 0 ", "mr mw me")
                .shows(mapping, "rd wr sh mr mw me ms")
                .write(folder.resolve("1.trace.gz"));
        assertComplaint(file, line, message);
    }

    @Test
    @DisplayName("a number of a thread or a space that 32 bits do not hold, a space that is its own parent")
    void numbers() throws IOException {
        Path file = folder.resolve("1.trace.gz");
        new MadeUpTrace().header("mm", "4294967297").write(file);
        assertComplaint(file, 3, "mm 4294967297 is not in 0..2^31-1");
        new MadeUpTrace().header("origin", "fork parent-mm=1 parent-seq=0").write(file);
        assertComplaint(file, 4, "the parent's number 1 is not below its own, 1");
        new MadeUpTrace().lines("op 0 4294967297 munlockall = 0").write(file);
        assertComplaint(file, 25, "thread number 4294967297 is not in 0..2^31-1");
    }

    @ParameterizedTest
    @ValueSource(strings = {"a\\777", "a\\400", "a\\\u0661\u0661\u0661", "a\\08", "a\\"})
    @DisplayName("a path with a backslash that is followed by no byte")
    void escapes(String path) throws IOException {
        Path file = folder.resolve("1.trace.gz");
        String call = "op 1 1 mmap addr=0x0 len=0x1000 prot=r-- flags=PRIVATE fd=3 off=0x0 file=fe:00:7 path=";
        new MadeUpTrace().lines(call + path + " = -EINVAL").write(file);
        assertComplaint(
                file, 25, "file=fe:00:7: '" + path + "' has a backslash without the three octal digits of a byte");
    }

    @Test
    @DisplayName("an empty file, a cut header of the compression, a cut trailer")
    void cut() throws IOException {
        byte[] whole = Files.readAllBytes(new MadeUpTrace().write(folder.resolve("whole.gz")));
        for (int length : new int[] {0, 1, 9}) {
            Path file = Files.write(folder.resolve("1.trace.gz"), Arrays.copyOf(whole, length));
            assertComplaint(file, 1, CUT);
        }
        Path file = Files.write(folder.resolve("1.trace.gz"), Arrays.copyOf(whole, whole.length - 1));
        assertComplaint(file, 26, CUT);
    }

    @Test
    @DisplayName("anything behind the compressed data that is no further member of it")
    void trailing() throws IOException {
        byte[] whole = Files.readAllBytes(new MadeUpTrace().write(folder.resolve("whole.gz")));
        byte[] noise = "noise that is rather longer than a header".getBytes(StandardCharsets.US_ASCII);
        for (int length : new int[] {1, 9, 10, 11, 26, noise.length}) {
            Path file = Files.write(folder.resolve("1.trace.gz"), join(whole, Arrays.copyOf(noise, length)));
            assertComplaint(file, 26, TRAILING);
        }
    }

    @Test
    @DisplayName("a recording in several members is one recording")
    void members() throws IOException {
        List<String> lines = Recordings.lines(new MadeUpTrace().write(folder.resolve("whole.gz")));
        byte[] head = Files.readAllBytes(Recordings.write(folder.resolve("head.gz"), lines.subList(0, 9)));
        byte[] tail = Files.readAllBytes(Recordings.write(folder.resolve("tail.gz"), lines.subList(9, lines.size())));
        Path file = Files.write(folder.resolve("1.trace.gz"), join(head, tail));
        assertEquals("1 passed, 0 failed", ToolRun.of("replay", file).lastLine());
        Files.write(file, join(head, join(tail, new byte[3])));
        assertComplaint(file, 26, TRAILING);
    }

    private static byte[] join(byte[] head, byte[] tail) throws IOException {
        ByteArrayOutputStream both = new ByteArrayOutputStream();
        both.write(head);
        both.write(tail);
        return both.toByteArray();
    }

    private void assertComplaint(Path file, int line, String message) throws IOException {
        Path good = new MadeUpTrace().write(folder.resolve("other").resolve("2.trace.gz"));
        ToolRun run = ToolRun.of("replay", file, good);
        assertEquals(List.of(file + ":" + line + ": " + message), run.err());
        assertEquals("1 passed, 1 failed", run.lastLine());
        assertEquals(2, run.status());
    }
}
