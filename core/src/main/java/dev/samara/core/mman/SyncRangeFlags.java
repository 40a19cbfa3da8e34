// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/** The {@code SYNC_FILE_RANGE_*} bits of {@code sync_file_range}. */
public final class SyncRangeFlags {
    /**
     * {@code SYNC_FILE_RANGE_WAIT_BEFORE}: wait for writes of the pages that are already in progress, and report a
     * failure.
     */
    public static final int WAIT_BEFORE = 0x1;

    /** {@code SYNC_FILE_RANGE_WRITE}: write the dirty pages. */
    public static final int SYNC_FILE_RANGE_WRITE = 0x2;

    /** {@code SYNC_FILE_RANGE_WAIT_AFTER}: afterwards, wait for writes of the pages, and report a failure. */
    public static final int WAIT_AFTER = 0x4;

    private SyncRangeFlags() {}
}
