// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import java.util.TreeMap;
import java.util.concurrent.locks.StampedLock;
import org.jspecify.annotations.Nullable;

/**
 * The JDK's red-black tree behind a {@link StampedLock}, by first address: read once without the lock, and again with
 * it if a writer was there meanwhile.
 *
 * <p>Weakness: {@code TreeMap} is not made for this. A reader may find it half rotated; it may then miss what is there,
 * which the stamp tells, or throw, which is caught here and taken for the same. Nothing but the order in which a
 * writer's plain stores become visible keeps it from going round in a circle, and nobody promises that order. Beside a
 * busy writer it falls back to the lock, and waits.
 */
final class StampedTreeMapIndex extends EditableIndex {
    private final TreeMap<Long, Range> map = new TreeMap<>();
    private final StampedLock lock = new StampedLock();

    @Override
    public @Nullable Range get(long address) {
        long stamp = lock.tryOptimisticRead();
        if (stamp != 0) {
            try {
                Range found = TreeMapIndex.find(map, address);
                if (lock.validate(stamp)) {
                    return found;
                }
            } catch (RuntimeException halfChanged) {
                // As if the stamp had not held.
            }
        }
        return getLocked(address);
    }

    private @Nullable Range getLocked(long address) {
        long stamp = lock.readLock();
        try {
            return TreeMapIndex.find(map, address);
        } finally {
            lock.unlockRead(stamp);
        }
    }

    @Override
    public void insert(Range range) {
        long stamp = lock.writeLock();
        try {
            map.put(range.first(), range);
        } finally {
            lock.unlockWrite(stamp);
        }
    }

    @Override
    public void remove(Range range) {
        long stamp = lock.writeLock();
        try {
            map.remove(range.first());
        } finally {
            lock.unlockWrite(stamp);
        }
    }

    @Override
    public void split(Range whole, Range left, Range right) {
        long stamp = lock.writeLock();
        try {
            map.put(left.first(), left);
            map.put(right.first(), right);
        } finally {
            lock.unlockWrite(stamp);
        }
    }

    @Override
    public void merge(Range left, Range right, Range whole) {
        long stamp = lock.writeLock();
        try {
            map.remove(right.first());
            map.put(whole.first(), whole);
        } finally {
            lock.unlockWrite(stamp);
        }
    }

    @Override
    public void resize(Range before, Range after) {
        insert(after);
    }
}
