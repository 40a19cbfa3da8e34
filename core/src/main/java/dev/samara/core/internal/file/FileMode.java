// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.mman.SealFlags;

/**
 * The mode of a file in memory ({@code i_mode}). Its only effect is on {@link SealFlags#SEAL_EXEC}, which also prevents
 * changes of its execute bits ({@code shmem_setattr} in {@code mm/shmem.c}). Changed under the inode lock of the file.
 */
public final class FileMode {
    /** The mode of a new file of {@code memfd_create}. */
    static final int EXECUTABLE = 0777;

    /** The mode of a new file with {@code MFD_NOEXEC_SEAL}. */
    static final int PLAIN = 0666;

    private static final int EXECUTE = 0111;

    /** The bits that {@code fchmod} sets; it ignores all other bits. */
    private static final int ALL = 07777;

    /**
     * Written: holder of the inode lock (volatile).
     * Read: holder of the inode lock; the embedder without it (all volatile).
     * Invariant: the execute bits do not change once the file has {@code SEAL_EXEC}. {@code SealExecTest.beside}.
     */
    private volatile int bits;

    FileMode(int bits) {
        this.bits = bits;
    }

    /** Returns the bits. */
    public int bits() {
        return bits;
    }

    /** Returns whether any execute bit is set. Caller holds the inode lock. */
    boolean isExecutable() {
        return (bits & EXECUTE) != 0;
    }

    /** Returns whether the wanted mode has different execute bits. Caller holds the inode lock. */
    boolean changesExecute(int wanted) {
        return ((bits ^ wanted) & EXECUTE) != 0;
    }

    /** Sets the bits. Caller holds the inode lock. */
    void set(int wanted) {
        bits = wanted & ALL;
    }

    @Override
    public String toString() {
        return Integer.toOctalString(bits);
    }
}
