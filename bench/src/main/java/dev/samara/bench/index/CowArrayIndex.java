// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A sorted array of first addresses, with arrays of the last addresses and of the ranges. Each write copies all three.
 * The search uses no data-dependent branch. This is the best structure for reads alone.
 *
 * <p>Weakness: an update copies everything, 20 bytes per range. If the array is larger than the caches, each step of a
 * search misses them.
 */
final class CowArrayIndex extends EditableIndex implements Scannable, GapStore, Versioned {
    private final Object writerLock = new Object();
    private volatile Table table = new Table(new long[] {Long.MIN_VALUE}, new long[] {Long.MIN_VALUE}, new Range[1]);

    /** One version. Element 0 starts below all addresses and covers none, so a search always finds an element. */
    private static final class Table {
        private final long[] firsts;
        private final long[] lasts;
        private final @Nullable Range[] ranges;

        Table(long[] firsts, long[] lasts, @Nullable Range[] ranges) {
            this.firsts = firsts;
            this.lasts = lasts;
            this.ranges = ranges;
        }

        int floor(long address) {
            return CowArrayIndex.floor(firsts, address);
        }

        @Nullable
        Range get(long address) {
            int at = floor(address);
            return address <= lasts[at] ? ranges[at] : null;
        }

        Range range(int at) {
            Range range = ranges[at];
            if (range == null) {
                throw new IllegalStateException("element 0 is no range");
            }
            return range;
        }

        /**
         * Returns a copy in which {@code instead} replaces the ranges from {@code from} (inclusive) to {@code to}
         * (exclusive).
         */
        Table with(int from, int to, Range... instead) {
            int size = firsts.length - (to - from) + instead.length;
            long[] newFirsts = Arrays.copyOf(firsts, size);
            long[] newLasts = Arrays.copyOf(lasts, size);
            @Nullable Range[] newRanges = Arrays.copyOf(ranges, size);
            int tail = firsts.length - to;
            System.arraycopy(firsts, to, newFirsts, size - tail, tail);
            System.arraycopy(lasts, to, newLasts, size - tail, tail);
            System.arraycopy(ranges, to, newRanges, size - tail, tail);
            for (int i = 0; i < instead.length; i++) {
                newFirsts[from + i] = instead[i].first();
                newLasts[from + i] = instead[i].last();
                newRanges[from + i] = instead[i];
            }
            return new Table(newFirsts, newLasts, newRanges);
        }

        long sum(int at) {
            return lasts[at] - firsts[at] + range(at).next();
        }
    }

    /** Returns the index of the highest first address that is not above {@code address}. */
    static int floor(long[] firsts, long address) {
        int base = 0;
        for (int length = firsts.length; length > 1; ) {
            int half = length >>> 1;
            // The mask is all ones if the middle is not above the address. Unlike a branch, it costs the same for all
            // addresses.
            base += half & (int) ((firsts[base + half] - address - 1) >> 63);
            length -= half;
        }
        return base;
    }

    @Override
    public @Nullable Range get(long address) {
        return table.get(address);
    }

    @Override
    public void fill(List<Range> ranges) {
        Range[] sorted = ranges.toArray(Range[]::new);
        Arrays.sort(sorted, Comparator.comparingLong(Range::first));
        synchronized (writerLock) {
            table = table.with(1, 1, sorted);
        }
    }

    @Override
    public void insert(Range range) {
        synchronized (writerLock) {
            int at = table.floor(range.first()) + 1;
            table = table.with(at, at, range);
        }
    }

    @Override
    public void remove(Range range) {
        synchronized (writerLock) {
            int at = table.floor(range.first());
            table = table.with(at, at + 1);
        }
    }

    @Override
    public void split(Range whole, Range left, Range right) {
        synchronized (writerLock) {
            int at = table.floor(whole.first());
            table = table.with(at, at + 1, left, right);
        }
    }

    @Override
    public void merge(Range left, Range right, Range whole) {
        synchronized (writerLock) {
            int at = table.floor(whole.first());
            table = table.with(at, at + 2, whole);
        }
    }

    /** Unlike all other updates, this one does not change the length of the arrays. */
    @Override
    public void resize(Range before, Range after) {
        synchronized (writerLock) {
            Table old = table;
            int at = old.floor(after.first());
            long[] lasts = old.lasts.clone();
            @Nullable Range[] ranges = old.ranges.clone();
            lasts[at] = after.last();
            ranges[at] = after;
            table = new Table(old.firsts, lasts, ranges);
        }
    }

    @Override
    public long scan() {
        Table now = table;
        long sum = 0;
        for (int i = 1; i < now.firsts.length; i++) {
            sum += now.sum(i);
        }
        return sum;
    }

    @Override
    public long scanBackwards() {
        Table now = table;
        long sum = 0;
        for (int i = now.firsts.length - 1; i > 0; i--) {
            sum += now.sum(i);
        }
        return sum;
    }

    @Override
    public long scanFrom(long address, int count) {
        Table now = table;
        int from = now.floor(address - 1) + 1;
        int to = (int) Math.min(now.firsts.length, (long) from + count);
        long sum = 0;
        for (int i = from; i < to; i++) {
            sum += now.sum(i);
        }
        return sum;
    }

    @Override
    public long storeLowest(long size, long min, long max, Range value) {
        synchronized (writerLock) {
            Table now = table;
            int at = now.floor(min);
            long first = Math.max(min, now.lasts[at] + 1);
            for (at++; at < now.firsts.length && now.firsts[at] - first < size; at++) {
                first = now.lasts[at] + 1;
            }
            return place(at, first, size, min, max, value);
        }
    }

    @Override
    public long storeHighest(long size, long min, long max, Range value) {
        synchronized (writerLock) {
            Table now = table;
            long end = max + 1;
            int at = now.floor(max);
            for (; at > 0 && end - now.lasts[at] <= size; at--) {
                end = Math.min(end, now.firsts[at]);
            }
            return place(at + 1, end - size, size, min, max, value);
        }
    }

    private long place(int at, long first, long size, long min, long max, Range value) {
        long last = first + size - 1;
        if (first < min || last > max) {
            return NONE;
        }
        table = table.with(at, at, new Range(first, last, value.next()));
        return first;
    }

    @Override
    public void storeAt(long first, long last, Range value) {
        insert(new Range(first, last, value.next()));
    }

    @Override
    public void free(long first, long last) {
        synchronized (writerLock) {
            int at = table.floor(first);
            table = table.with(at, at + 1);
        }
    }

    @Override
    public Object snapshot() {
        return table;
    }

    @Override
    public @Nullable Range getIn(Object snapshot, long address) {
        return ((Table) snapshot).get(address);
    }
}
