// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.emulator.elf.ElfFile.ElfException;
import dev.samara.emulator.linux.RunPlan.ExecutionMode;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests what a guest, or a file that is not a guest, cannot do to the emulator. */
@Timeout(60)
final class GuestLimitsTest {
    private static final int KILLED = 137;
    private static final int HEADER = 64;
    private static final int PROGRAM_HEADER = 56;

    @TempDir
    private Path folder;

    @Test
    @DisplayName("a guest that takes more memory than there is gets SIGKILL, and its child ends with it")
    void memory() throws Exception {
        GuestRun.GuestResult result = new GuestRun(folder).memory(16L << 20).run(GuestRun.program("greedy"));
        assertEquals(KILLED, result.status());
        assertTrue(result.output().contains("no memory left"), result.output());
    }

    @ParameterizedTest
    @DisplayName("when no memory is left, the largest process is killed, and the access that needed memory is retried")
    @EnumSource
    void pressure(ExecutionMode execution) throws Exception {
        String killed = "samara: process %d is killed: there is no memory left\n";
        // The first process takes little. 1003 and 1005 need the page, which 1002 and 1004 have, while they wait.
        String printed = "ok pressure\n" + killed.formatted(1001) + killed.formatted(1002) + killed.formatted(1004);
        assertEquals(
                new GuestRun.GuestResult(0, printed),
                new GuestRun(folder).memory(32L << 20).execution(execution).run(GuestRun.program("pressure")));
    }

    @ParameterizedTest
    @DisplayName("a guest that writes to an output that nobody reads can be killed, interrupted, and left behind")
    @ValueSource(strings = {"killed", "interrupted", "left"})
    void unread(String how) throws Exception {
        CountDownLatch isOver = new CountDownLatch(1);
        OutputStream unread = new OutputStream() {
            @Override
            public void write(int one) throws IOException {
                try {
                    isOver.await();
                } catch (InterruptedException e) {
                    throw new IOException(e);
                }
            }
        };
        GuestRun.GuestResult result = new GuestRun(folder).output(unread).run(GuestRun.program("unread"), how);
        isOver.countDown();
        assertEquals(new GuestRun.GuestResult(0, ""), result);
    }

    private ElfException refused(byte[] bytes) throws Exception {
        Path file = Files.write(folder.resolve("file"), bytes);
        return assertThrows(ElfException.class, () -> new GuestRun(folder).run(file));
    }

    @ParameterizedTest
    @DisplayName("a changed byte, short or long of a header is refused with one line that names it")
    @CsvSource({
        "0, 1, 1, is no ELF file",
        "4, 1, 1, is an ELF file of 32 bits",
        "5, 1, 2, is a big-endian ELF file",
        "18, 2, 62, is for machine 62",
        "16, 2, 1, is an ELF file of type 1",
        "54, 2, 32, has program headers of 32 bytes",
        "56, 2, 0, has 0 program headers",
        "56, 2, 65535, has 65535 program headers",
        "32, 8, 9223372036854775807, is truncated",
        "32, 8, 1000000000, is truncated",
    })
    void header(int at, int size, long value, String complaint) throws Exception {
        byte[] bytes = Files.readAllBytes(GuestRun.program("brk"));
        put(bytes, at, size, value);
        String message = Objects.requireNonNull(refused(bytes).getMessage());
        assertEquals(1, message.lines().count());
        assertTrue(message.contains(complaint), message);
    }

    @ParameterizedTest
    @DisplayName("a changed number of the first segment is refused with one line that names it")
    @CsvSource({
        "8, -1, is truncated",
        "8, 8, is not at the same place in its page",
        "16, -4096, is beyond the end of the space",
        "32, 1000000000, has more bytes in the file than in memory",
        "40, 0, has more bytes in the file than in memory",
        "40, 1000000000000000000, is beyond the end of the space",
        "40, 1000000000, overlaps the one before it",
    })
    void segment(int at, long value, String complaint) throws Exception {
        byte[] bytes = Files.readAllBytes(GuestRun.program("brk"));
        ByteBuffer words = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        int first = (int) words.getLong(32);
        while (words.getInt(first) != 1) {
            first += PROGRAM_HEADER;
        }
        words.putLong(first + at, value);
        String message = Objects.requireNonNull(refused(bytes).getMessage());
        assertEquals(1, message.lines().count());
        assertTrue(message.contains(complaint), message);
    }

    @Test
    @DisplayName("the lowest bit of the entry is ignored")
    void oddEntry() throws Exception {
        byte[] bytes = Files.readAllBytes(GuestRun.program("brk"));
        bytes[24] |= 1;
        Path file = Files.write(folder.resolve("odd"), bytes);
        assertEquals(new GuestRun.GuestResult(0, "ok brk\n"), new GuestRun(folder).run(file));
    }

    @Test
    @DisplayName("segments whose headers are not in the order of their addresses are loaded")
    void order() throws Exception {
        byte[] bytes = Files.readAllBytes(GuestRun.program("forks"));
        ByteBuffer words = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        int first = (int) words.getLong(32);
        while (words.getInt(first) != 1) {
            first += PROGRAM_HEADER;
        }
        int second = first + PROGRAM_HEADER;
        assertEquals(1, words.getInt(second), "the next header is that of another segment");
        byte[] swapped = Arrays.copyOfRange(bytes, first, second);
        words.put(first, bytes, second, PROGRAM_HEADER);
        words.put(second, swapped);
        Path file = Files.write(folder.resolve("forks"), bytes);
        assertEquals(new GuestRun.GuestResult(0, "ok forks\n"), new GuestRun(folder).run(file));
    }

    @Test
    @DisplayName("each truncation of a program is refused, or ends by a signal")
    void truncated() throws Exception {
        byte[] bytes = Files.readAllBytes(GuestRun.program("brk"));
        for (int length = 0; length < HEADER + 200; length += 13) {
            refused(Arrays.copyOf(bytes, length));
        }
    }

    private static void put(byte[] bytes, int at, int size, long value) {
        for (int i = 0; i < size; i++) {
            bytes[at + i] = (byte) (value >> (Byte.SIZE * i));
        }
    }
}
