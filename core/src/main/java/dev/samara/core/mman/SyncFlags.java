// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/** The {@code MS_*} bits of {@code msync}. */
public final class SyncFlags {
    /** {@code MS_ASYNC}: only checks the range; as on Linux, it starts no write. */
    public static final int ASYNC = 0x1;

    /**
     * {@code MS_INVALIDATE}: refuse locked memory (EBUSY). No page is dropped, because a file has only one page cache.
     */
    public static final int INVALIDATE = 0x2;

    /** {@code MS_SYNC}: write the dirty pages of shared mappings, and wait until the backing has saved them. */
    public static final int SYNC = 0x4;

    private SyncFlags() {}
}
