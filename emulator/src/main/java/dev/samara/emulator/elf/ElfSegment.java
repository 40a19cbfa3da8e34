// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.elf;

import dev.samara.core.mman.Mman;

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
