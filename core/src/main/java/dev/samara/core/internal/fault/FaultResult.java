// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import dev.samara.core.mman.Fault;

/** The results of the steps of a fault that never leave this package. All others are those of {@link Fault}. */
final class FaultResult {
    /** The fault starts over with a new lookup. */
    static final int AGAIN = -1;

    /** There is no free frame. Reclaim outside of all sections may free one, and then the fault starts over. */
    static final int EXHAUSTED = -2;

    /** No VMA is there, or its gate is closed. */
    static final int MUST_WAIT = -3;

    /** There is no leaf, and another table would exceed the limit of the space or the machine. */
    static final int NO_TABLE = -4;

    /**
     * Many pages of files are dirty. The fault, out of all sections, has some written, and then starts over.
     */
    static final int UNBALANCED = -5;

    /** The range of a call has an address without a VMA. A guard is {@link Fault#MAPERR}, which has another errno. */
    static final int HOLE = -6;

    /** {@link Fault#RETRY} without an interrupt, while the machine takes memory from a space. */
    static final int SHORT = -7;

    private FaultResult() {}

    /** Returns whether memory for a frame or a table is missing. */
    static boolean isShortage(int result) {
        return result == EXHAUSTED || result == NO_TABLE || result == Fault.OUT_OF_MEMORY;
    }
}
