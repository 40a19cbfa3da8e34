// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The sorted array of {@link CowArrayIndex}, as a library would offer it: a generic map. The difference between the two
 * is the cost of casting a value, which callers of Samara and of all other libraries' maps pay too.
 *
 * <p>Weakness: the same as that of {@link CowArrayIndex}.
 */
final class CowMapIndex extends EditableIndex {
    private static final Range[] NONE = {};

    private final CowMap<Range> map = new CowMap<>();

    private static long[] firsts(Range... ranges) {
        return Arrays.stream(ranges).mapToLong(Range::first).toArray();
    }

    private static long[] lasts(Range... ranges) {
        return Arrays.stream(ranges).mapToLong(Range::last).toArray();
    }

    @Override
    public @Nullable Range get(long address) {
        return map.get(address);
    }

    @Override
    public void fill(List<Range> ranges) {
        Range[] sorted = ranges.toArray(Range[]::new);
        Arrays.sort(sorted, Comparator.comparingLong(Range::first));
        map.insert(firsts(sorted), lasts(sorted), sorted);
    }

    @Override
    public void insert(Range range) {
        map.insert(firsts(range), lasts(range), new Range[] {range});
    }

    @Override
    public void remove(Range range) {
        map.replace(range.first(), 1, firsts(NONE), lasts(NONE), NONE);
    }

    @Override
    public void split(Range whole, Range left, Range right) {
        map.replace(whole.first(), 1, firsts(left, right), lasts(left, right), new Range[] {left, right});
    }

    @Override
    public void merge(Range left, Range right, Range whole) {
        map.replace(whole.first(), 2, firsts(whole), lasts(whole), new Range[] {whole});
    }

    @Override
    public void resize(Range before, Range after) {
        map.replace(before.first(), 1, firsts(after), lasts(after), new Range[] {after});
    }
}
