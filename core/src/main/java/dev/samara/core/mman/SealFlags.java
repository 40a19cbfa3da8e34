// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/** Seals of a file in memory ({@code F_SEAL_*} of {@code linux/fcntl.h}). */
public final class SealFlags {
    /** {@code F_SEAL_SEAL}: no further seal can be added. */
    public static final int SEAL_SEAL = 1;

    /** {@code F_SEAL_SHRINK}: the file cannot shrink. */
    public static final int SEAL_SHRINK = 1 << 1;

    /** {@code F_SEAL_GROW}: the file cannot grow. */
    public static final int SEAL_GROW = 1 << 2;

    /** {@code F_SEAL_WRITE}: the contents of the file cannot change. */
    public static final int SEAL_WRITE = 1 << 3;

    /** {@code F_SEAL_FUTURE_WRITE}: only shared mappings that already exist can change the contents of the file. */
    public static final int SEAL_FUTURE_WRITE = 1 << 4;

    /**
     * {@code F_SEAL_EXEC}: the execute bits of the file's mode cannot change. If one of them is set, this implies
     * SHRINK, GROW, WRITE and FUTURE_WRITE.
     */
    public static final int SEAL_EXEC = 1 << 5;

    private SealFlags() {}
}
