// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/** The {@code MREMAP_*} bits of {@code mremap}. */
public final class RemapFlags {
    /** {@code MREMAP_MAYMOVE}: the mapping may be moved. */
    public static final int MAYMOVE = 0x1;

    /** {@code MREMAP_FIXED}: move to exactly the new address, and replace the mappings there. */
    public static final int MREMAP_FIXED = 0x2;

    /** {@code MREMAP_DONTUNMAP}: move the pages and leave the old mapping in place, empty. */
    public static final int DONTUNMAP = 0x4;

    private RemapFlags() {}
}
