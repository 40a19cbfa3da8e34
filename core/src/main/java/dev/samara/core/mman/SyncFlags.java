// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/** The {@code MS_*} bits of {@code msync}. */
public final class SyncFlags {
    /** {@code MS_ASYNC}: no write starts, as on Linux; only the range is checked. */
    public static final int ASYNC = 0x1;

    /** {@code MS_INVALIDATE}: refuse locked memory (EBUSY). Nothing is dropped: a file has one page cache. */
    public static final int INVALIDATE = 0x2;

    /** {@code MS_SYNC}: write the dirty pages of shared mappings, and wait until the backing has saved them. */
    public static final int SYNC = 0x4;

    private SyncFlags() {}
}
