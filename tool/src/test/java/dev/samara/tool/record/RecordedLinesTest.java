// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.record;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class RecordedLinesTest {
    private static final int BUFFER = 1 << 16;

    @TempDir
    private Path folder;

    @Test
    @DisplayName("what lies behind the compressed data is found wherever the end of a buffer falls")
    void trailing() throws IOException, InputException {
        Path file = folder.resolve("noise.gz");
        for (int size = BUFFER - 40; size <= BUFFER + 4; size++) {
            byte[] whole = compressed(size);
            assertEquals(size, whole.length);
            Files.write(file, whole);
            readAll(file);
            for (int more : new int[] {1, 10, 30}) {
                Files.write(file, Arrays.copyOf(whole, size + more));
                InputException complaint = assertThrows(InputException.class, () -> readAll(file));
                assertEquals(
                        file + ":1: cannot be read: there are bytes after the compressed data", complaint.getMessage());
            }
        }
    }

    @Test
    @DisplayName("a line that would fill the heap is refused, and the lines before it are returned")
    void longLine() throws IOException, InputException {
        Path file = folder.resolve("long.gz");
        byte[] letters = new byte[1 << 20];
        Arrays.fill(letters, (byte) 'a');
        try (GZIPOutputStream gzip = new GZIPOutputStream(Files.newOutputStream(file))) {
            gzip.write("short\n".getBytes(StandardCharsets.UTF_8));
            for (int i = 0; i < 3; i++) {
                gzip.write(letters);
            }
        }
        try (RecordedLines lines = RecordedLines.open(file)) {
            assertEquals("short", lines.next());
            InputException complaint = assertThrows(InputException.class, () -> lines.require("its end"));
            assertEquals(file + ":2: cannot be read: the line has more than 1048576 bytes", complaint.getMessage());
        }
    }

    @Test
    @DisplayName("a complaint is one short line without control characters, whatever the recording has")
    void printable() {
        Path file = Path.of("a.gz");
        assertEquals(
                "a.gz:3: '\\033[2J\\012\\233' is unknown",
                new InputException(file, 3, "'\u001b[2J\n\u009b' is unknown", null).getMessage());
        for (String message : List.of("x".repeat(100_000), "\u0007".repeat(251))) {
            assertEquals(1000 + "...".length(), lengthOfComplaint(file, message));
        }
        assertEquals(1000, lengthOfComplaint(file, "\u0007".repeat(250)));
        assertEquals(
                "a.gz:3: op \\033: kernel \\007, Samara 0",
                new Difference(file, 3, "op \u001b", "\u0007", "0").toString());
    }

    private static int lengthOfComplaint(Path file, String message) {
        String complaint = String.valueOf(new InputException(file, message, null).getMessage());
        return complaint.length() - (file + ": ").length();
    }

    private static void readAll(Path file) throws InputException {
        try (RecordedLines lines = RecordedLines.open(file)) {
            while (lines.next() != null) {
                assertEquals(1, lines.number());
            }
        }
    }

    /** Returns one line of noise with exactly the given compressed size. */
    private static byte[] compressed(int size) throws IOException {
        byte[] noise = new byte[size];
        new SplittableRandom(1).nextBytes(noise);
        for (int i = 0; i < size; i++) {
            noise[i] = noise[i] == '\n' ? 0 : noise[i];
        }
        int length = size;
        while (true) {
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
                gzip.write(noise, 0, length);
            }
            if (out.size() <= size) {
                return out.toByteArray();
            }
            length -= out.size() - size;
        }
    }
}
