// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/** Bits of {@code PR_SET_MDWE} ("memory-deny-write-execute", {@code linux/prctl.h}). */
public final class MdweFlags {
    /**
     * {@code PR_MDWE_REFUSE_EXEC_GAIN}: a mapping can neither gain the right to execute later, nor be both writable and
     * executable.
     */
    public static final int REFUSE_EXEC_GAIN = 1;

    /** {@code PR_MDWE_NO_INHERIT}: neither a child nor a space that replaces this one inherits the bits. */
    public static final int NO_INHERIT = 1 << 1;

    private MdweFlags() {}
}
