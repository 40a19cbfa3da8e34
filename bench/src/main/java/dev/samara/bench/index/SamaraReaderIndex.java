// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import dev.samara.maple.MapleTree;
import dev.samara.maple.Reader;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Samara's tree, read by one thread through a reader, for lookups near to the previous one. Unlike the others it must
 * not be called by two threads at a time.
 *
 * <p>Weakness: a lookup far from the previous one is a descent. The next lookup waits for that descent; without a
 * reader the descents of two lookups overlap.
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
