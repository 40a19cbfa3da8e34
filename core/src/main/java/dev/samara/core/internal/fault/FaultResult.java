// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import dev.samara.core.mman.Fault;

/** Results of a fault's steps that are used only in this package. All other results are those of {@link Fault}. */
final class FaultResult {
    /** The fault starts over with a new lookup. */
    static final int AGAIN = -1;

    /** There is no free frame. Reclaim, outside of all reader sections, may free one; then the fault starts over. */
    static final int EXHAUSTED = -2;

    /** There is no VMA at the address, or its gate is closed. */
    static final int MUST_WAIT = -3;

    /** There is no leaf, and another table would exceed the limit of the space or the machine. */
    static final int NO_TABLE = -4;

    /**
     * Many pages of files are dirty. Outside of all reader sections, the fault calls {@code Frames.balanceDirty}, which
     * writes some or starts a background write. Then the fault starts over.
     */
    static final int UNBALANCED = -5;

    /**
     * The range of a call contains an address without a VMA. A guard marker is {@link Fault#MAPERR}, which has another
     * errno.
     */
    static final int HOLE = -6;

    /** {@link Fault#RETRY} without an interrupt, while the machine reaps a space. */
    static final int SHORT = -7;

    /** The page is not among those that its backing offered, so the backing is asked for it. */
    static final int NOT_OFFERED = -8;

    private FaultResult() {}

    /** Returns whether memory for a frame or a table is missing. */
    static boolean isShortage(int result) {
        return result == EXHAUSTED || result == NO_TABLE || result == Fault.OUT_OF_MEMORY;
    }
}
