// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The sorted array of {@link CowArrayIndex}, as a library would offer it: a generic map. The difference between the two
 * is the cost of casting a value, which callers of Samara and of all other libraries' maps pay too.
 *
 * <p>Weakness: the same as that of {@link CowArrayIndex}.
 */
final class CowMapIndex extends EditableIndex {
    private static final Range[] NONE = {};

    private final CowMap<Range> map = new CowMap<>();

    private static long[] firsts(Range... ranges) {
        return Arrays.stream(ranges).mapToLong(Range::first).toArray();
    }

    private static long[] lasts(Range... ranges) {
        return Arrays.stream(ranges).mapToLong(Range::last).toArray();
    }

    @Override
    public @Nullable Range get(long address) {
        return map.get(address);
    }

    @Override
    public void fill(List<Range> ranges) {
        Range[] sorted = ranges.toArray(Range[]::new);
        Arrays.sort(sorted, Comparator.comparingLong(Range::first));
        map.insert(firsts(sorted), lasts(sorted), sorted);
    }

    @Override
    public void insert(Range range) {
        map.insert(firsts(range), lasts(range), new Range[] {range});
    }

    @Override
    public void remove(Range range) {
        map.replace(range.first(), 1, firsts(NONE), lasts(NONE), NONE);
    }

    @Override
    public void split(Range whole, Range left, Range right) {
        map.replace(whole.first(), 1, firsts(left, right), lasts(left, right), new Range[] {left, right});
    }

    @Override
    public void merge(Range left, Range right, Range whole) {
        map.replace(whole.first(), 2, firsts(whole), lasts(whole), new Range[] {whole});
    }

    @Override
    public void resize(Range before, Range after) {
        map.replace(before.first(), 1, firsts(after), lasts(after), new Range[] {after});
    }

    /**
     * {@link CowArrayIndex} as a library would have to write it: a map from ranges to values of any type. The values
     * are in an array of {@code Object}, so each caller casts the value, which reads its class.
     *
     * @param <V> the type of the values
     */
    static final class CowMap<V> {
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
}
