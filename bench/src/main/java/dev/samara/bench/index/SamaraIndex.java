// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import dev.samara.maple.Cursor;
import dev.samara.maple.GapSearch;
import dev.samara.maple.MapleTree;
import dev.samara.maple.Snapshot;
import dev.samara.maple.Transaction;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Samara's tree, read directly. A change that needs two edits is a transaction.
 *
 * <p>Weakness: one lock serializes all writers. Each update maintains snapshots, gaps and reservations, even if no user
 * needs them.
 */
final class SamaraIndex extends EditableIndex implements Scannable, GapStore, Versioned {
    private final MapleTree<Range> tree = new MapleTree<>();
    private final ReentrantLock lock = tree.writerLock();

    /**
     * The cursor and the search are reused, as a user's thread would do. Only one thread scans or searches an index.
     */
    private final Cursor<Range> cursor = tree.cursor();

    private final GapSearch where = new GapSearch();

    @Override
    public @Nullable Range get(long address) {
        return tree.get(address);
    }

    @Override
    public void insert(Range range) {
        tree.store(range.first(), range.last(), range);
    }

    @Override
    public void remove(Range range) {
        tree.erase(range.first(), range.last());
    }

    @Override
    public void split(Range whole, Range left, Range right) {
        lock.lock();
        try (Transaction<Range> transaction = tree.begin()) {
            transaction.store(left.first(), left.last(), left);
            transaction.store(right.first(), right.last(), right);
            transaction.commit();
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void merge(Range left, Range right, Range whole) {
        tree.store(whole.first(), whole.last(), whole);
    }

    @Override
    public void resize(Range before, Range after) {
        if (after.last() > before.last()) {
            tree.store(after.first(), after.last(), after);
            return;
        }
        lock.lock();
        try (Transaction<Range> transaction = tree.begin()) {
            transaction.erase(after.last() + 1, before.last());
            transaction.store(after.first(), after.last(), after);
            transaction.commit();
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void resizeAndKeep(Range value, Range before, Range after) {
        if (after.last() > before.last()) {
            tree.store(after.first(), after.last(), value);
        } else {
            tree.erase(after.last() + 1, before.last());
        }
    }

    @Override
    public long scan() {
        return scan(cursor);
    }

    @Override
    public long scanBackwards() {
        return scanBackwards(cursor);
    }

    @Override
    public long scanFrom(long address, int count) {
        return scanFrom(cursor, address, count);
    }

    static long scan(Cursor<Range> cursor) {
        long sum = 0;
        for (Range range = cursor.find(0); range != null; range = cursor.next()) {
            sum += cursor.last() - cursor.first() + range.next();
        }
        return sum;
    }

    static long scanBackwards(Cursor<Range> cursor) {
        long sum = 0;
        for (Range range = cursor.findBackward(-1L); range != null; range = cursor.previous()) {
            sum += cursor.last() - cursor.first() + range.next();
        }
        return sum;
    }

    static long scanFrom(Cursor<Range> cursor, long address, int count) {
        Range range = cursor.find(address);
        if (range != null && cursor.first() < address) {
            range = cursor.next();
        }
        long sum = 0;
        for (int left = count; range != null; range = cursor.next()) {
            sum += cursor.last() - cursor.first() + range.next();
            if (--left == 0) {
                break;
            }
        }
        return sum;
    }

    @Override
    public long storeLowest(long size, long min, long max, Range value) {
        return tree.storeLowest(where.size(size).within(min, max), value) ? where.first() : NONE;
    }

    @Override
    public long storeHighest(long size, long min, long max, Range value) {
        return tree.storeHighest(where.size(size).within(min, max), value) ? where.first() : NONE;
    }

    @Override
    public void storeAt(long first, long last, Range value) {
        tree.store(first, last, value);
    }

    @Override
    public void free(long first, long last) {
        tree.erase(first, last);
    }

    @Override
    public Object snapshot() {
        return tree.snapshot();
    }

    @Override
    @SuppressWarnings("unchecked") // created by snapshot()
    public @Nullable Range getIn(Object snapshot, long address) {
        return ((Snapshot<Range>) snapshot).get(address);
    }
}
