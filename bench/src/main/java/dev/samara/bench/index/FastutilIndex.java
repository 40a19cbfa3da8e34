// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import it.unimi.dsi.fastutil.longs.Long2ObjectAVLTreeMap;
import it.unimi.dsi.fastutil.longs.Long2ObjectMap;
import org.jspecify.annotations.Nullable;

/**
 * fastutil's AVL tree with a reader-writer lock, by first address: like {@link TreeMapIndex}, but with primitive keys.
 *
 * <p>Weakness, besides the lock: it does not provide a floor operation. Instead, the caller gets the last entry of the
 * head map, which allocates intermediate objects unless the compiler eliminates them.
 */
final class FastutilIndex extends ReadWriteLocked {
    private final Long2ObjectAVLTreeMap<Range> map = new Long2ObjectAVLTreeMap<>();

    @Override
    @Nullable
    Range find(long address) {
        Long2ObjectMap.@Nullable Entry<Range> floor =
                map.headMap(address + 1).long2ObjectEntrySet().last();
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
}
