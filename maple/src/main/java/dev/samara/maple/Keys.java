// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

/**
 * Indexes, and the keys that represent them inside the tree.
 *
 * <p>An <em>index</em> is an unsigned 64-bit number, as callers know it. Its <em>key</em> is the same number with the
 * sign bit flipped, so that a signed compare of keys is an unsigned compare of indexes. Differences of keys equal
 * differences of indexes, so lengths need no conversion.
 */
final class Keys {

    /** The key of index 0. */
    static final long MIN = Long.MIN_VALUE;

    /** The key of index 2^64-1. */
    static final long MAX = Long.MAX_VALUE;

    private Keys() {}

    /** Returns the key of an index, or the index of a key. The mapping is its own inverse. */
    static long flip(long indexOrKey) {
        return indexOrKey ^ Long.MIN_VALUE;
    }

    /**
     * Returns half of a key's index, i.e. the index without its lowest bit. It is never negative, and halves have the
     * same order as keys.
     */
    static long half(long key) {
        return flip(key) >>> 1;
    }

    /** Returns the key that consists of this half and, as its last bit, 0 if {@code even} is 1, else 1. */
    static long join(long half, int even) {
        return flip(half << 1 | (1 - even));
    }

    /** Returns 1 if the index, or key, is even, else 0. */
    static int isEven(long indexOrKey) {
        return 1 - (int) (indexOrKey & 1);
    }

    /** Returns the higher of two indexes. */
    static long higher(long a, long b) {
        return Long.compareUnsigned(a, b) > 0 ? a : b;
    }

    /** Returns the lower of two indexes. */
    static long lower(long a, long b) {
        return Long.compareUnsigned(a, b) < 0 ? a : b;
    }

    static void requireRange(long first, long last) {
        if (Long.compareUnsigned(first, last) > 0) {
            throw new IllegalArgumentException("first " + text(first) + " must not be above last " + text(last));
        }
    }

    /**
     * Formats an index for people: in decimal below 65,536, as for minutes or ids; else in hexadecimal, as for
     * addresses.
     */
    static String text(long index) {
        return (index & ~0xffffL) == 0 ? Long.toString(index) : "0x" + Long.toHexString(index);
    }

    /** Formats a range of indexes for people. */
    static String range(long first, long last) {
        return "[" + text(first) + ", " + text(last) + "]";
    }
}
