// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import com.google.common.collect.TreeRangeMap;
import org.jspecify.annotations.Nullable;

/**
 * Guava's range map with a reader-writer lock. It is the only peer whose keys are ranges, and that cuts overlapping
 * ranges when it stores one.
 *
 * <p>Weakness, besides the lock: it uses a {@code TreeMap} whose keys are nested objects, compared through a virtual
 * call. An update takes several searches and allocations.
 */
final class GuavaIndex extends ReadWriteLocked {
    private final TreeRangeMap<Long, Range> map = TreeRangeMap.create();

    static com.google.common.collect.Range<Long> bounds(Range range) {
        return com.google.common.collect.Range.closed(range.first(), range.last());
    }

    @Override
    @Nullable
    Range find(long address) {
        return map.get(address);
    }

    @Override
    void put(Range range) {
        map.put(bounds(range), range);
    }

    @Override
    void drop(Range range) {
        map.remove(bounds(range));
    }

    /** One store replaces both ranges. */
    @Override
    void join(Range left, Range right, Range whole) {
        put(whole);
    }

    /** A store does not remove the part of the old range that it does not cover, so a shrink drops the range first. */
    @Override
    void change(Range before, Range after) {
        if (after.last() < before.last()) {
            drop(before);
        }
        put(after);
    }
}
