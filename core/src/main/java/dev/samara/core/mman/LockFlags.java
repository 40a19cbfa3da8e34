// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/** The flags of {@code mlock2} and {@code mlockall}. */
public final class LockFlags {
    /** {@code MLOCK_ONFAULT}: lock pages when they are first touched. */
    public static final int ONFAULT = 0x1;

    /** {@code MCL_CURRENT}: lock all current mappings. */
    public static final int CURRENT = 0x1;

    /** {@code MCL_FUTURE}: lock all future mappings. */
    public static final int FUTURE = 0x2;

    /** {@code MCL_ONFAULT}: with one of the other flags, lock pages when they are first touched. */
    public static final int ALL_ONFAULT = 0x4;

    private LockFlags() {}
}
