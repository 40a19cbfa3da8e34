// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.fuzz;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.emulator.elf.ElfFile;
import dev.samara.emulator.elf.ElfFile.ElfException;
import dev.samara.emulator.elf.ProgramLoader;
import dev.samara.emulator.elf.ProgramLoader.LoadedProgram;
import dev.samara.testing.fuzz.Refusal;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Parses input as an executable file, loads it, and compares its memory with the file. A program that names an
 * interpreter is its own interpreter.
 */
public final class ElfFuzzer {
    private static final String NAME = "fuzzed.elf";
    private static final long MEMORY = 64 << 20;
    private static final Machine MACHINE = Machine.builder().memory(MEMORY).build();
    private static final ProgramLoader LOADER = new ProgramLoader(MACHINE, Map.of(), 1000);
    private static final List<String> GUESTS = List.of("greedy", "refused", "brk", "pie");

    private static final int HEADER = 64;
    private static final int PROGRAM_HEADER = 56;
    private static final int LOAD = 1;
    private static final int INTERPRETER = 3;
    private static final int TYPE = 16;
    private static final int EXECUTABLE = 2;
    private static final int MOVABLE = 3;
    private static final int ENTRY = 24;
    private static final int HEADERS = 32;
    private static final int HEADER_COUNT = 56;

    private ElfFuzzer() {}

    /**
     * Loads one input.
     *
     * @param input the file
     * @throws Exception if the input is a finding
     */
    public static void fuzzerTestOneInput(byte[] input) throws Exception {
        try (HostFile file = MACHINE.openFile(NAME, ProgramLoader.GEOMETRY, ByteBuffer.wrap(input.clone()))) {
            ElfFile elf = new ElfFile(NAME, file, ProgramLoader.GEOMETRY);
            ElfFile interpreter = elf.interpreter() == null ? null : new ElfFile(NAME, file, ProgramLoader.GEOMETRY);
            LoadedProgram program = LOADER.load(
                    elf, interpreter, "/bin/" + NAME, List.of(NAME, "argument"), List.of("A=b"), new byte[16]);
            try (AddressSpace space = program.space()) {
                checkStack(space, program.stackPointer());
                checkSegments(ByteBuffer.wrap(input).order(ByteOrder.LITTLE_ENDIAN), program, interpreter != null);
            }
        } catch (ElfException refused) {
            Refusal.ofFile(refused, NAME);
        }
        MACHINE.awaitQuiescence();
        long frames = MACHINE.statistics().framesInUse();
        if (frames != 0) {
            throw new AssertionError(frames + " frames are left in use");
        }
    }

    private static byte[] bytes(AddressSpace space, long address, int length) {
        byte[] bytes = new byte[length];
        long read = space.readForced(address, bytes, 0, length);
        if (read != length) {
            throw new AssertionError("of " + length + " bytes at 0x" + Long.toHexString(address) + ": " + read);
        }
        return bytes;
    }

    private static void checkStack(AddressSpace space, long pointer) {
        long arguments = ByteBuffer.wrap(bytes(space, pointer, Long.BYTES))
                .order(ByteOrder.LITTLE_ENDIAN)
                .getLong();
        if ((pointer & 15) != 0 || arguments != 2) {
            throw new AssertionError("the stack at 0x" + Long.toHexString(pointer) + " has " + arguments);
        }
    }

    /**
     * Compares the first and the last byte of each segment with the file, and the bytes after the file's part with
     * zeros.
     */
    private static void checkSegments(ByteBuffer file, LoadedProgram program, boolean isInterpreted) {
        long headers = file.getLong(HEADERS);
        long moved = 0;
        if (isInterpreted || file.getShort(TYPE) == MOVABLE) {
            // The interpreter is the same file, loaded at a different address, and starts first.
            moved = program.entry() - file.getLong(ENTRY);
        }
        for (int i = 0; i < (file.getShort(HEADER_COUNT) & 0xffff); i++) {
            int header = (int) headers + i * PROGRAM_HEADER;
            long offset = file.getLong(header + 8);
            long address = file.getLong(header + 16) + moved;
            long inFile = file.getLong(header + 32);
            long inMemory = file.getLong(header + 40);
            if (file.getInt(header) == LOAD && inMemory > 0) {
                if (inFile > 0) {
                    checkByte(program, address, file.get((int) offset));
                    checkByte(program, address + inFile - 1, file.get((int) (offset + inFile - 1)));
                }
                if (inMemory > inFile) {
                    checkByte(program, address + inFile, (byte) 0);
                    checkByte(program, address + inMemory - 1, (byte) 0);
                }
            }
        }
    }

    private static void checkByte(LoadedProgram program, long address, byte expected) {
        byte found = bytes(program.space(), address, 1)[0];
        if (found != expected) {
            throw new AssertionError("0x" + Long.toHexString(address) + " has " + found + ", not " + expected);
        }
    }

    /** Returns small guests, and files that contain only headers. */
    static List<byte[]> seeds() throws IOException {
        List<byte[]> seeds = new ArrayList<>();
        for (String guest : GUESTS) {
            seeds.add(
                    Files.readAllBytes(Path.of(System.getProperty("basedir", ""), "src/test/resources/riscv", guest)));
        }
        seeds.add(small(EXECUTABLE, LOAD));
        seeds.add(small(MOVABLE, LOAD));
        seeds.add(small(MOVABLE, INTERPRETER));
        return seeds;
    }

    /**
     * Returns a file with two segments, one with and one without bytes in the file, and a header of the given kind in
     * between.
     */
    private static byte[] small(int type, int kind) {
        ByteBuffer file = ByteBuffer.allocate(HEADER + 3 * PROGRAM_HEADER + 16).order(ByteOrder.LITTLE_ENDIAN);
        file.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1}).position(TYPE);
        file.putShort((short) type)
                .putShort((short) 243)
                .putInt(1)
                .putLong(0x20000)
                .putLong(HEADER);
        file.position(54).putShort((short) PROGRAM_HEADER).putShort((short) 3).position(HEADER);
        segment(file, LOAD, 0, 0x20000, file.capacity(), 0x1800);
        segment(file, kind, HEADER + 3 * PROGRAM_HEADER, 0x220e8, 16, 16);
        segment(file, LOAD, 0, 0x24000, 0, 0x3000);
        file.put("/lib/ld.so.1".getBytes(StandardCharsets.ISO_8859_1));
        return file.array();
    }

    private static void segment(ByteBuffer file, int kind, long offset, long address, long inFile, long inMemory) {
        file.putInt(kind).putInt(6).putLong(offset).putLong(address).putLong(address);
        file.putLong(inFile).putLong(inMemory).putLong(0x1000);
    }
}
