// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * {@link CowArrayIndex} as a library would have to write it: a map from ranges to values of any type. The values are in
 * an array of {@code Object}, so each caller casts the value, which reads its class.
 *
 * @param <V> the type of the values
 */
final class CowMap<V> {
    private volatile CowTable table =
            new CowTable(new long[] {Long.MIN_VALUE}, new long[] {Long.MIN_VALUE}, new Object[1]);

    /** One version. Element 0 starts below all addresses and covers none, so a search always finds an element. */
    private static final class CowTable {
        private final long[] firsts;
        private final long[] lasts;
        private final @Nullable Object[] values;

        CowTable(long[] firsts, long[] lasts, @Nullable Object[] values) {
            this.firsts = firsts;
            this.lasts = lasts;
            this.values = values;
        }
    }

    @SuppressWarnings("unchecked") // the map stores only values of type V
    @Nullable
    V get(long address) {
        CowTable now = table;
        int at = CowArrayIndex.floor(now.firsts, address);
        return address <= now.lasts[at] ? (V) now.values[at] : null;
    }

    /** Stores ranges, given in ascending order, in a hole between two stored ranges. */
    synchronized void insert(long[] firsts, long[] lasts, Object[] values) {
        int at = CowArrayIndex.floor(table.firsts, firsts[0]) + 1;
        replace(at, at, firsts, lasts, values);
    }

    /** Replaces some ranges with new ones, which must not cover additional addresses. */
    synchronized void replace(long first, int count, long[] firsts, long[] lasts, Object[] values) {
        int at = CowArrayIndex.floor(table.firsts, first);
        replace(at, at + count, firsts, lasts, values);
    }

    private void replace(int from, int to, long[] firsts, long[] lasts, Object[] values) {
        CowTable old = table;
        table = new CowTable(
                spliced(old.firsts, from, to, firsts),
                spliced(old.lasts, from, to, lasts),
                spliced(old.values, from, to, values));
    }

    /**
     * Returns a copy in which {@code instead} replaces the elements from {@code from} (inclusive) to {@code to}
     * (exclusive).
     */
    private static long[] spliced(long[] array, int from, int to, long[] instead) {
        int size = array.length - (to - from) + instead.length;
        long[] copy = Arrays.copyOf(array, size);
        System.arraycopy(instead, 0, copy, from, instead.length);
        System.arraycopy(array, to, copy, from + instead.length, array.length - to);
        return copy;
    }

    private static @Nullable Object[] spliced(@Nullable Object[] array, int from, int to, Object[] instead) {
        int size = array.length - (to - from) + instead.length;
        @Nullable Object[] copy = Arrays.copyOf(array, size);
        System.arraycopy(instead, 0, copy, from, instead.length);
        System.arraycopy(array, to, copy, from + instead.length, array.length - to);
        return copy;
    }
}
