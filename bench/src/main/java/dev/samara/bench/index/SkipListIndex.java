// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import java.util.Collection;
import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import org.jspecify.annotations.Nullable;

/**
 * The JDK's concurrent sorted map, by first address.
 *
 * <p>Weakness: each comparison of a lookup follows a pointer to a key, which is a separate object. The map does not
 * support snapshots, and two changes cannot become visible atomically. Two writers can store overlapping ranges, so a
 * program with several writers needs a lock. A step backwards is a search from the top.
 */
final class SkipListIndex extends EditableIndex implements Scannable {
    private final ConcurrentSkipListMap<Long, Range> map = new ConcurrentSkipListMap<>();

    @Override
    public @Nullable Range get(long address) {
        Map.Entry<Long, Range> floor = map.floorEntry(address);
        return floor == null ? null : Range.covering(floor.getValue(), address);
    }

    @Override
    public void insert(Range range) {
        map.put(range.first(), range);
    }

    @Override
    public void remove(Range range) {
        map.remove(range.first());
    }

    /**
     * Stores the upper part first. Until the lower part replaces the whole range, the whole range still covers the
     * lower addresses.
     */
    @Override
    public void split(Range whole, Range left, Range right) {
        map.put(right.first(), right);
        map.put(left.first(), left);
    }

    /** Uses the order opposite to {@link #split}. */
    @Override
    public void merge(Range left, Range right, Range whole) {
        map.put(whole.first(), whole);
        map.remove(right.first());
    }

    @Override
    public void resize(Range before, Range after) {
        map.put(after.first(), after);
    }

    @Override
    public long scan() {
        return sum(map.values(), Integer.MAX_VALUE);
    }

    @Override
    public long scanBackwards() {
        return sum(map.descendingMap().values(), Integer.MAX_VALUE);
    }

    @Override
    public long scanFrom(long address, int count) {
        return sum(map.tailMap(address).values(), count);
    }

    static long sum(Collection<Range> ranges, int count) {
        long sum = 0;
        Iterator<Range> iterator = ranges.iterator();
        for (int left = count; left > 0 && iterator.hasNext(); left--) {
            sum += iterator.next().sum();
        }
        return sum;
    }
}
