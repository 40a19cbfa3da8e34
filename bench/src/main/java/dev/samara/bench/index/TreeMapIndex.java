// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The JDK's red-black tree with a reader-writer lock, by first address: the structure that most programs use.
 *
 * <p>Weakness, besides the lock: each comparison follows a pointer to a node, and another one to its key. A search for
 * a free range visits one range after the other. A snapshot copies everything.
 */
final class TreeMapIndex extends ReadWriteLocked implements Scannable, GapStore, Versioned {
    private final TreeMap<Long, Range> map = new TreeMap<>();

    @Override
    @Nullable
    Range find(long address) {
        return find(map, address);
    }

    @SuppressWarnings("NonApiType") // declared as TreeMap, so that the call needs no dynamic dispatch
    static @Nullable Range find(TreeMap<Long, Range> map, long address) {
        Map.Entry<Long, Range> floor = map.floorEntry(address);
        return floor == null ? null : Range.covering(floor.getValue(), address);
    }

    @Override
    void put(Range range) {
        map.put(range.first(), range);
    }

    @Override
    void drop(Range range) {
        map.remove(range.first());
    }

    @Override
    public long scan() {
        readLock.lock();
        try {
            return SkipListIndex.sum(map.values(), Integer.MAX_VALUE);
        } finally {
            readLock.unlock();
        }
    }

    @Override
    public long scanBackwards() {
        readLock.lock();
        try {
            return SkipListIndex.sum(map.descendingMap().values(), Integer.MAX_VALUE);
        } finally {
            readLock.unlock();
        }
    }

    @Override
    public long scanFrom(long address, int count) {
        readLock.lock();
        try {
            return SkipListIndex.sum(map.tailMap(address).values(), count);
        } finally {
            readLock.unlock();
        }
    }

    @Override
    public long storeLowest(long size, long min, long max, Range value) {
        writeLock.lock();
        try {
            Map.Entry<Long, Range> below = map.floorEntry(min);
            long first = below == null ? min : Math.max(min, below.getValue().last() + 1);
            for (Range above : map.tailMap(min, false).values()) {
                if (above.first() - first >= size) {
                    break;
                }
                first = above.last() + 1;
            }
            return place(first, size, min, max, value);
        } finally {
            writeLock.unlock();
        }
    }

    @Override
    public long storeHighest(long size, long min, long max, Range value) {
        writeLock.lock();
        try {
            long end = max + 1;
            for (Range below : map.headMap(end, false).descendingMap().values()) {
                if (end - below.last() > size) {
                    break;
                }
                end = Math.min(end, below.first());
            }
            return place(end - size, size, min, max, value);
        } finally {
            writeLock.unlock();
        }
    }

    private long place(long first, long size, long min, long max, Range value) {
        long last = first + size - 1;
        if (first < min || last > max) {
            return NONE;
        }
        map.put(first, new Range(first, last, value.next()));
        return first;
    }

    @Override
    public void storeAt(long first, long last, Range value) {
        insert(new Range(first, last, value.next()));
    }

    @Override
    public void free(long first, long last) {
        writeLock.lock();
        try {
            map.remove(first);
        } finally {
            writeLock.unlock();
        }
    }

    @Override
    public Object snapshot() {
        readLock.lock();
        try {
            return new TreeMap<>(map);
        } finally {
            readLock.unlock();
        }
    }

    @Override
    @SuppressWarnings("unchecked") // created by snapshot()
    public @Nullable Range getIn(Object snapshot, long address) {
        return find((TreeMap<Long, Range>) snapshot, address);
    }
}
