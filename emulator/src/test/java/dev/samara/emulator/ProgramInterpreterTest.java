// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("A program with an interpreter")
final class ProgramInterpreterTest {
    private static final int EXECUTABLE = 2;
    private static final int SHARED_OBJECT = 3;
    private static final int HEADER = 64;
    private static final int PROGRAM_HEADER = 56;
    private static final int CODE = HEADER + 2 * PROGRAM_HEADER;

    /** {@code exit_group(42)}. */
    private static final int[] EXIT = {0x02a00513, 0x05e00893, 0x00000073};

    /** {@code ebreak}. */
    private static final int[] TRAP = {0x00100073};

    @TempDir
    private Path root;

    @Test
    @DisplayName("starts in the interpreter, wherever that may be loaded")
    void starts() throws Exception {
        Files.write(root.resolve("ld"), elf(SHARED_OBJECT, 0, "", EXIT));
        Path program = Files.write(root.resolve("program"), elf(EXECUTABLE, 0x10000, "/ld", TRAP));
        GuestRun.GuestResult result = new GuestRun(root).run(program);
        assertEquals("", result.output());
        assertEquals(42, result.status());
    }

    /** Returns a file of one segment, with the code and the path of an interpreter behind it, if there is one. */
    private static byte[] elf(int type, long address, String interpreter, int... code) {
        int end = CODE + code.length * Integer.BYTES;
        byte[] path = (interpreter + "\0").getBytes(StandardCharsets.US_ASCII);
        int headers = interpreter.isEmpty() ? 1 : 2;
        ByteBuffer file = ByteBuffer.allocate(end + path.length).order(ByteOrder.LITTLE_ENDIAN);
        file.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1}).position(16);
        file.putShort((short) type).putShort((short) 243).putInt(1);
        file.putLong(address + CODE).putLong(HEADER).putLong(0).putInt(0);
        file.putShort((short) HEADER).putShort((short) PROGRAM_HEADER).putShort((short) headers);
        header(file, HEADER, 1, 0, address, file.capacity());
        if (headers == 2) {
            header(file, HEADER + PROGRAM_HEADER, 3, end, address + end, path.length);
        }
        file.position(CODE);
        for (int word : code) {
            file.putInt(word);
        }
        return file.put(path).array();
    }

    private static void header(ByteBuffer file, int at, int type, long offset, long address, long size) {
        file.position(at);
        file.putInt(type).putInt(5).putLong(offset);
        file.putLong(address).putLong(address).putLong(size).putLong(size).putLong(4096);
    }
}
