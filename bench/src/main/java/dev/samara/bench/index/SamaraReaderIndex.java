// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import dev.samara.maple.MapleTree;
import dev.samara.maple.Reader;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Samara's tree, read by one thread through a reader, for lookups near the previous one. Unlike all other indexes, it
 * must not be used by several threads concurrently.
 *
 * <p>Weakness: a lookup far from the previous one descends from the root. The next lookup depends on the result of that
 * descent, whereas without a reader, the processor overlaps the descents of two lookups.
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
