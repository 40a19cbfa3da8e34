// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import dev.samara.maple.Cursor;
import dev.samara.maple.MapleTree;
import dev.samara.maple.Snapshot;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Samara's tree, read through a snapshot, for several lookups at the same instant.
 *
 * <p>Weakness: it is stale as soon as the tree changes.
 */
final class SamaraSnapshotIndex extends RangeIndex implements Scannable {
    private Snapshot<Range> snapshot = new MapleTree<Range>().snapshot();
    private Cursor<Range> cursor = snapshot.cursor();

    @Override
    public void fill(List<Range> ranges) {
        MapleTree<Range> tree = new MapleTree<>();
        ranges.forEach(range -> tree.store(range.first(), range.last(), range));
        snapshot = tree.snapshot();
        cursor = snapshot.cursor();
    }

    @Override
    public @Nullable Range get(long address) {
        return snapshot.get(address);
    }

    /** Uses the tree's walk with a callback, whereas {@link SamaraIndex} uses a cursor. */
    @Override
    public long scan() {
        Sum sum = new Sum();
        snapshot.forEach(sum::add);
        return sum.value;
    }

    private static final class Sum {
        private long value;

        void add(long first, long last, Range range) {
            value += last - first + range.next();
        }
    }

    @Override
    public long scanBackwards() {
        return SamaraIndex.scanBackwards(cursor);
    }

    @Override
    public long scanFrom(long address, int count) {
        return SamaraIndex.scanFrom(cursor, address, count);
    }
}
