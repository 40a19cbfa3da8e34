// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import dev.samara.maple.MapleTree;
import dev.samara.maple.Reader;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Samara's tree, read by a thread that has a reader of its own, as who looks up near to where it has just looked up
 * does. Unlike the others it must not be asked by two threads at a time.
 *
 * <p>Weakness: a look-up far from the last one is a descent, which the next one has to wait for, and what the tree does
 * without a reader overlaps.
 */
final class SamaraReaderIndex extends RangeIndex {
    private final MapleTree<Range> tree = new MapleTree<>();
    private final Reader<Range> reader = tree.reader();

    @Override
    public void fill(List<Range> ranges) {
        ranges.forEach(range -> tree.store(range.first(), range.last(), range));
    }

    @Override
    public @Nullable Range get(long address) {
        return reader.get(address);
    }
}
