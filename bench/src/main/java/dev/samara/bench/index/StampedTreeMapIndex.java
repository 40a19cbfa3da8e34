// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import java.util.TreeMap;
import java.util.concurrent.locks.StampedLock;
import org.jspecify.annotations.Nullable;

/**
 * The JDK's red-black tree with a {@link StampedLock}, by first address. A lookup reads the tree without the lock, and
 * retries with the lock if a writer was active concurrently.
 *
 * <p>Weakness: {@code TreeMap} is not designed for this. A reader may see the tree during a rotation. It may then miss
 * a range, which the stamp detects, or throw; the exception is caught here and handled like an invalid stamp. Only the
 * order in which a writer's plain stores become visible prevents an endless loop, and no specification guarantees that
 * order. While a writer is active, readers fall back to the lock and wait.
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
                // Handled like an invalid stamp.
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
