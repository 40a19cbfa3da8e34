// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

/** The open files of a script, in the order of their descriptors. */
enum FileName {
    /** A memory file of 32 pages with holes, which cannot be sealed. */
    A,

    /** The same file, opened for reading only. */
    R,

    /** The same file, opened for writing only. */
    W,

    /** A memory file of 12 pages and 100 bytes, which can be sealed. */
    B,

    /** {@code /dev/zero}. */
    Z,

    /** A directory. */
    D,

    /** No file. */
    X;

    static final int COUNT = values().length;

    static FileName of(long number) {
        return values()[(int) number];
    }

    /** Returns its number, which is its descriptor. */
    @SuppressWarnings("EnumOrdinal") // The constants are in the order of the descriptors.
    long number() {
        return ordinal();
    }

    /** Returns whether it is a memory file. */
    boolean isMemory() {
        return compareTo(B) <= 0;
    }
}
