// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

/**
 * A range that a call requested ({@link Edit#populate}), and that {@code fault.Populate} faults in after the call is
 * complete.
 *
 * @param kind the reason
 * @param start a page boundary
 * @param end a page boundary above the start, exclusive
 */
public record PopulateRange(Kind kind, long start, long end) {
    /** The reason, which determines the access and which errors are reported. */
    public enum Kind {
        /** For {@code MAP_POPULATE}, or because a new or grown mapping is locked: as many pages as possible. */
        BEST_EFFORT,
        /** For {@code mlock}. */
        LOCK,
        /** For {@code MADV_POPULATE_READ}. */
        READ,
        /** For {@code MADV_POPULATE_WRITE}. */
        WRITE
    }
}
