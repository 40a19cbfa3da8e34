// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import com.google.common.collect.ImmutableRangeMap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Guava's immutable range map, for ranges that never change: two sorted lists, read without a lock.
 *
 * <p>Weakness: each change creates a new map of all ranges. A search compares keys that are objects and contain further
 * objects, so it follows several pointers per comparison.
 */
final class GuavaImmutableIndex extends RangeIndex {
    private ImmutableRangeMap<Long, Range> map = ImmutableRangeMap.of();

    @Override
    public @Nullable Range get(long address) {
        return map.get(address);
    }

    @Override
    public void fill(List<Range> ranges) {
        ImmutableRangeMap.Builder<Long, Range> builder = ImmutableRangeMap.builder();
        ranges.forEach(range -> builder.put(GuavaIndex.bounds(range), range));
        map = builder.build();
    }
}
