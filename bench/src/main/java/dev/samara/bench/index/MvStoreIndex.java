// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import org.h2.mvstore.Cursor;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;
import org.h2.mvstore.RootReference;
import org.h2.mvstore.type.LongDataType;
import org.jspecify.annotations.Nullable;

/**
 * The B-tree of the H2 database, in memory, by first address. It is copied on write, so readers acquire no lock, and
 * each root is a snapshot.
 *
 * <p>Weakness: it is designed for data on disk. Its floor operation returns only the key, so a lookup descends twice
 * from the same root. Keys are objects, read through an object that describes their type. A write copies pages of
 * dozens of entries. Two changes cannot become visible atomically.
 */
final class MvStoreIndex extends EditableIndex implements Scannable, Versioned {
    private final MVMap<Long, Range> map =
            MVStore.open(null).openMap("ranges", new MVMap.Builder<Long, Range>().keyType(LongDataType.INSTANCE));

    @Override
    public @Nullable Range get(long address) {
        return find(map.flushAndGetRoot(), address);
    }

    private @Nullable Range find(RootReference<Long, Range> root, long address) {
        Long first = map.lowerKey(root, address + 1);
        return first == null ? null : Range.covering(map.get(root.root, first), address);
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
        return sum(map.cursor(null, null, false), Integer.MAX_VALUE);
    }

    @Override
    public long scanBackwards() {
        return sum(map.cursor(null, null, true), Integer.MAX_VALUE);
    }

    @Override
    public long scanFrom(long address, int count) {
        return sum(map.cursor(address), count);
    }

    private static long sum(Cursor<Long, Range> cursor, int count) {
        long sum = 0;
        for (int left = count; left > 0 && cursor.hasNext(); left--) {
            cursor.next();
            sum += cursor.getValue().sum();
        }
        return sum;
    }

    @Override
    public Object snapshot() {
        return map.flushAndGetRoot();
    }

    @Override
    @SuppressWarnings("unchecked") // created by snapshot()
    public @Nullable Range getIn(Object snapshot, long address) {
        return find((RootReference<Long, Range>) snapshot, address);
    }
}
