// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.elf;

import dev.samara.core.backing.HostFile;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The headers of an executable file for RV64. They are checked: everything to which they refer is inside the file, and
 * segments do not overlap.
 */
public final class ElfFile {
    private static final int HEADER = 64;
    private static final int PROGRAM_HEADER = 56;

    /** The maximum size in bytes of the program headers that Linux accepts ({@code load_elf_phdrs}). */
    private static final int MOST_HEADERS = 65536;

    private static final int MOST_PATH = 4096;
    private static final int MAGIC = 0x464c_457f;
    private static final int CLASS_64 = 2;
    private static final int LITTLE_ENDIAN = 1;
    private static final int EXECUTABLE = 2;
    private static final int SHARED_OBJECT = 3;
    private static final int RISCV = 243;
    private static final int LOAD = 1;
    private static final int INTERPRETER = 3;
    private static final int HEADERS = 6;

    final String name;
    final HostFile file;
    private final Geometry geometry;
    final List<ElfSegment> segments = new ArrayList<>();

    /** Whether the file may be loaded at any address. */
    final boolean isMovable;

    final long entry;
    final int headerCount;
    private final long headerOffset;
    private long headerAddress;
    private @Nullable String interpreter;

    /**
     * Reads the headers of a file.
     *
     * @param name the name by which the user knows the file
     * @param file the file, which the caller closes
     * @param geometry the geometry of the space into which it will be loaded
     * @throws ElfException if the file cannot be executed
     */
    public ElfFile(String name, HostFile file, Geometry geometry) throws ElfException {
        this.name = name;
        this.file = file;
        this.geometry = geometry;
        ByteBuffer header = read(0, HEADER, "is no ELF file");
        if (header.getInt(0) != MAGIC) {
            throw wrong("is no ELF file");
        }
        if (header.get(4) != CLASS_64) {
            throw wrong("is an ELF file of 32 bits, not of 64");
        }
        if (header.get(5) != LITTLE_ENDIAN) {
            throw wrong("is a big-endian ELF file");
        }
        int machine = header.getShort(18) & 0xffff;
        if (machine != RISCV) {
            throw wrong("is for machine " + machine + ", not for RISC-V (" + RISCV + ")");
        }
        int type = header.getShort(16) & 0xffff;
        if (type != EXECUTABLE && type != SHARED_OBJECT) {
            throw wrong("is an ELF file of type " + type + ", which cannot be executed");
        }
        isMovable = type == SHARED_OBJECT;
        entry = header.getLong(24);
        headerOffset = header.getLong(32);
        int headerSize = header.getShort(54) & 0xffff;
        headerCount = header.getShort(56) & 0xffff;
        if (headerSize != PROGRAM_HEADER) {
            throw wrong("has program headers of " + headerSize + " bytes, not of " + PROGRAM_HEADER);
        }
        if (headerCount == 0 || headerCount * PROGRAM_HEADER > MOST_HEADERS) {
            throw wrong("has " + headerCount + " program headers");
        }
        readHeaders();
    }

    private ElfException wrong(String complaint) {
        return new ElfException(name, complaint);
    }

    private ByteBuffer read(long offset, int length, String complaint) throws ElfException {
        ByteBuffer bytes = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
        while (bytes.hasRemaining()) {
            long done = file.pread(bytes, offset + bytes.position());
            if (Errno.isError(done)) {
                throw wrong("cannot be read: " + Errno.of(done));
            }
            if (done == 0) {
                throw wrong(complaint);
            }
        }
        return bytes.flip();
    }

    private void readHeaders() throws ElfException {
        if (headerOffset < 0 || headerOffset > file.size()) {
            throw wrong("is truncated: its program headers are beyond its end");
        }
        ByteBuffer all = read(headerOffset, headerCount * PROGRAM_HEADER, "is truncated: it ends in its headers");
        for (int i = 0; i < headerCount; i++) {
            ByteBuffer one = all.slice(i * PROGRAM_HEADER, PROGRAM_HEADER).order(ByteOrder.LITTLE_ENDIAN);
            switch (one.getInt(0)) {
                case LOAD ->
                    add(new ElfSegment(
                            one.getLong(8),
                            one.getLong(16),
                            one.getLong(32),
                            one.getLong(40),
                            ElfSegment.protection(one.getInt(4))));
                case INTERPRETER -> interpreter = path(one.getLong(8), one.getLong(32));
                case HEADERS -> headerAddress = one.getLong(16);
                default -> {
                    // A loader does not use the other headers.
                }
            }
        }
        if (segments.isEmpty()) {
            throw wrong("has nothing to load");
        }
        // Linux does not require that their headers are in this order, although the specification of ELF does.
        segments.sort(Comparator.comparingLong(ElfSegment::address));
        for (int i = 1; i < segments.size(); i++) {
            ElfSegment last = segments.get(i - 1);
            if (geometry.roundDown(segments.get(i).address()) < geometry.roundUp(last.end())) {
                throw wrong("segment " + i + ", by addresses, overlaps the one before it");
            }
        }
        if (headerAddress == 0) {
            headerAddress = addressOfHeaders();
        }
    }

    /** Returns the address of the program headers in the segment that contains them; 0 if no segment does. */
    private long addressOfHeaders() {
        for (ElfSegment each : segments) {
            if (headerOffset >= each.offset() && headerOffset < each.offset() + each.fileSize()) {
                return headerOffset - each.offset() + each.address();
            }
        }
        return 0;
    }

    private void add(ElfSegment segment) throws ElfException {
        long page = geometry.pageSize();
        String which = "segment " + segments.size();
        if (segment.fileSize() < 0 || segment.memorySize() < segment.fileSize()) {
            throw wrong(which + " has more bytes in the file than in memory");
        }
        if (segment.offset() < 0 || segment.offset() > file.size() - segment.fileSize()) {
            throw wrong("is truncated: " + which + " ends beyond the end of the file");
        }
        if ((segment.address() - segment.offset() & page - 1) != 0) {
            throw wrong(which + " is not at the same place in its page as in the file");
        }
        if (segment.address() < 0 || segment.address() > geometry.limit() - segment.memorySize()) {
            throw wrong(which + " is beyond the end of the space");
        }
        if (segment.memorySize() != 0) {
            segments.add(segment);
        }
    }

    private String path(long offset, long length) throws ElfException {
        if (length < 2 || length > MOST_PATH || offset < 0 || offset > file.size() - length) {
            throw wrong("has no proper path of an interpreter");
        }
        ByteBuffer bytes = read(offset, (int) length, "is truncated: it ends in the path of its interpreter");
        if (bytes.get((int) length - 1) != 0) {
            throw wrong("has no proper path of an interpreter");
        }
        String text = StandardCharsets.ISO_8859_1.decode(bytes).toString();
        return text.substring(0, text.indexOf('\0'));
    }

    /**
     * Returns the path of the interpreter, which loads a dynamic program.
     *
     * @return the path in the guest's file system; null for a static program
     */
    public @Nullable String interpreter() {
        return interpreter;
    }

    long headerAddress() {
        return headerAddress;
    }

    static int headerSize() {
        return PROGRAM_HEADER;
    }

    long start() {
        return geometry.roundDown(segments.get(0).address());
    }

    long end() {
        return geometry.roundUp(segments.get(segments.size() - 1).end());
    }

    /**
     * A segment of a program to load ({@code PT_LOAD}).
     *
     * @param offset the offset of its bytes in the file
     * @param address the address of its first byte, before relocation
     * @param fileSize the number of bytes in the file
     * @param memorySize the number of bytes in memory; the bytes beyond {@code fileSize} are zeros
     * @param protection {@code PROT_*} bits of {@link Mman}
     */
    record ElfSegment(long offset, long address, long fileSize, long memorySize, int protection) {
        private static final int EXECUTE = 1;
        private static final int WRITE = 2;
        private static final int READ = 4;

        static int protection(int flags) {
            return ((flags & READ) != 0 ? Mman.READ : 0)
                    | ((flags & WRITE) != 0 ? Mman.WRITE : 0)
                    | ((flags & EXECUTE) != 0 ? Mman.EXEC : 0);
        }

        long end() {
            return address + memorySize;
        }
    }

    /** Thrown if a file cannot be executed. The message is one line for the user. */
    public static final class ElfException extends Exception {
        private static final long serialVersionUID = 1;

        /**
         * Creates an exception about a file.
         *
         * @param file the name by which the user knows the file
         * @param complaint what is wrong with it
         */
        public ElfException(String file, String complaint) {
            this(file + ": " + complaint);
        }

        /**
         * Creates an exception.
         *
         * @param line the whole message
         */
        public ElfException(String line) {
            super(line);
        }
    }
}
