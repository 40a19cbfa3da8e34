// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.util.Arrays;

/** Unsigned comparisons of addresses. The end of a half-open range is the first address after it. */
public final class Addresses {
    private Addresses() {}

    /** Returns whether an address is lower than another one. */
    public static boolean isBelow(long address, long other) {
        return Long.compareUnsigned(address, other) < 0;
    }

    /** Returns whether an address is higher than another one. */
    public static boolean isAbove(long address, long other) {
        return Long.compareUnsigned(address, other) > 0;
    }

    /** Returns whether an address is lower than another one, or equal to it. */
    public static boolean isAtMost(long address, long other) {
        return Long.compareUnsigned(address, other) <= 0;
    }

    /** Returns the lower of two addresses. */
    public static long lower(long one, long other) {
        return isBelow(one, other) ? one : other;
    }

    /** Returns the higher of two addresses. */
    public static long higher(long one, long other) {
        return isBelow(one, other) ? other : one;
    }

    /** Returns the (exclusive) end of a range, or the highest address if the range wraps. */
    public static long endOf(long start, long length) {
        return isBelow(~start, length) ? -1L : start + length;
    }

    /** Returns whether a half-open range, which must not be empty, contains an address. */
    public static boolean contains(long start, long end, long address) {
        return isBelow(address - start, end - start);
    }

    /** Returns whether two half-open ranges have an address in common. */
    public static boolean overlap(long start, long end, long otherStart, long otherEnd) {
        return isBelow(start, otherEnd) && isBelow(otherStart, end);
    }

    /** Returns the first {@code count} addresses of an array, in ascending order. */
    public static long[] sorted(long[] addresses, int count) {
        long[] sorted = Arrays.copyOf(addresses, count);
        for (int i = 1; i < count; i++) {
            long address = sorted[i];
            int j = i;
            for (; j > 0 && isBelow(address, sorted[j - 1]); j--) {
                sorted[j] = sorted[j - 1];
            }
            sorted[j] = address;
        }
        return sorted;
    }
}
