// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/** The {@code MS_*} bits of {@code msync}. */
public final class SyncFlags {
    /** Start writing and return. */
    public static final int ASYNC = 0x1;

    /** Drop other cached copies. */
    public static final int INVALIDATE = 0x2;

    /** Write and wait. */
    public static final int SYNC = 0x4;

    private SyncFlags() {}
}
