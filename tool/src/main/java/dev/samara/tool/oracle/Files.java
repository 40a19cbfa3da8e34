// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.oracle;

import dev.samara.core.Machine;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import org.jspecify.annotations.Nullable;

/** The two files A and B of an oracle file, and their three opens: A, A for reading only (R), and B. */
final class Files {
    private static final Geometry GEOMETRY = Geometry.LINUX_X86_64;

    private final MemoryFile a;
    private final MemoryFile b;
    private final Backing openA;
    private final Backing openR;
    private final Backing openB;

    Files(Machine machine, OracleHeader header) {
        a = machine.newFile("/memfd:A", 1, GEOMETRY, header.sizeOfA());
        b = machine.newFile("/memfd:B", 2, GEOMETRY, header.sizeOfB());
        openA = a.open();
        openR = a.openReadOnly();
        openB = b.open();
        if (header.isStamped()) {
            stamp(a, 0x80, 64);
            stamp(b, 0xc0, 32);
        }
    }

    /** Sets the first byte of each page i to {@code base + i % cycle}. */
    private static void stamp(MemoryFile file, int base, int cycle) {
        byte[] one = new byte[1];
        for (long offset = 0; offset < file.size(); offset += GEOMETRY.pageSize()) {
            one[0] = (byte) (base + GEOMETRY.pages(offset) % cycle);
            file.pwrite(one, 0, 1, offset);
        }
    }

    /** Returns the open for the name of a descriptor in a recording; null if there is none. */
    @Nullable
    Backing open(String descriptor) {
        return switch (descriptor) {
            case "A" -> openA;
            case "R" -> openR;
            case "B" -> openB;
            default -> null;
        };
    }

    /** Returns the file that a descriptor may write; null if there is none. */
    @Nullable
    MemoryFile file(String descriptor) {
        return switch (descriptor) {
            case "A" -> a;
            case "B" -> b;
            default -> null;
        };
    }

    /** Returns the name that a mapping's backing has in a recording; null if it is neither file. */
    @Nullable
    String nameOf(Backing backing) {
        return backing == openA || backing == openR ? "A" : backing == openB ? "B" : null;
    }
}
