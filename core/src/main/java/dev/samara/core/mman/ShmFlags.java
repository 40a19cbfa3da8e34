// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/** The {@code SHM_*} bits of {@code shmat}. */
public final class ShmFlags {
    /** {@code SHM_RDONLY}: attach for reading only. */
    public static final int RDONLY = 0x1000;

    /** {@code SHM_RND}: round the address down to a page. */
    public static final int RND = 0x2000;

    /** {@code SHM_REMAP}: replace the mappings there. */
    public static final int REMAP = 0x4000;

    /** {@code SHM_EXEC}: attach for execution as well. */
    public static final int SHM_EXEC = 0x8000;

    private ShmFlags() {}
}
