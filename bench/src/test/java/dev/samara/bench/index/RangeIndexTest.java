// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.bench.KeySet;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Compares every index with a sorted map of ranges, which is simple enough to be correct. */
class RangeIndexTest {
    private static final long PAGE = KeySet.PAGE;

    private final KeySet keys = KeySet.of(300);
    private final TreeMap<Long, Range> model = new TreeMap<>();
    private final SplittableRandom random = new SplittableRandom(1);
    private final long end = keys.sorted().get(299).last() + 1;

    RangeIndexTest() {
        keys.sorted().forEach(range -> model.put(range.first(), range));
    }

    static Stream<String> all() {
        return Indexes.NAMES.stream();
    }

    static Stream<String> editable() {
        return able(EditableIndex.class);
    }

    static Stream<String> scannable() {
        return able(Scannable.class);
    }

    static Stream<String> gapStores() {
        return able(GapStore.class);
    }

    static Stream<String> versioned() {
        return able(Versioned.class);
    }

    private static Stream<String> able(Class<?> ability) {
        return Indexes.NAMES.stream().filter(name -> ability.isInstance(Indexes.named(name)));
    }

    private <T> T filled(String name, Class<T> ability) {
        RangeIndex index = Indexes.named(name);
        index.fill(keys.shuffled());
        return ability.cast(index);
    }

    private @Nullable Range expected(long address) {
        return Range.covering(at(model.floorEntry(address)), address);
    }

    private static @Nullable Range at(Map.@Nullable Entry<Long, Range> entry) {
        return entry == null ? null : entry.getValue();
    }

    /**
     * Checks both ends of all current and former ranges, the indexes just outside of them, and indexes below and above
     * everything.
     */
    private void check(RangeIndex index) {
        List<Range> edges = new ArrayList<>(keys.sorted());
        edges.addAll(model.values());
        for (Range edge : edges) {
            for (long near = -1; near <= 1; near++) {
                assertAt(index, edge.first() + near);
                assertAt(index, edge.last() + near);
            }
        }
        assertAt(index, 0);
        assertAt(index, 1L << 46);
    }

    private void assertAt(RangeIndex index, long address) {
        assertSame(expected(address), index.get(address), () -> "at 0x" + Long.toHexString(address));
    }

    @ParameterizedTest
    @MethodSource("all")
    @DisplayName("a lookup hands back the very range that covers its address, or null")
    void lookUps(String name) {
        RangeIndex index = filled(name, RangeIndex.class);
        check(index);
        random.longs(10_000, 0, end).forEach(address -> assertAt(index, address));
    }

    @ParameterizedTest
    @MethodSource("all")
    @DisplayName("an empty index covers nothing")
    void empty(String name) {
        model.clear();
        check(Indexes.named(name));
    }

    @ParameterizedTest
    @MethodSource("editable")
    @DisplayName("after any row of updates, lookups answer as the model does")
    void updates(String name) {
        EditableIndex index = filled(name, EditableIndex.class);
        for (int i = 0; i < 2_000; i++) {
            Range range = any();
            switch (random.nextInt(4)) {
                case 0 -> removeOrInsert(index, range);
                case 1 -> split(index, range);
                case 2 -> merge(index, range);
                default -> resize(index, range);
            }
            assertAt(index, range.first());
            assertAt(index, range.last());
            if (i % 100 == 0) {
                check(index);
            }
        }
        check(index);
    }

    private Range any() {
        Map.Entry<Long, Range> any = model.floorEntry(random.nextLong(end));
        return any == null ? model.firstEntry().getValue() : any.getValue();
    }

    /** Removes a range, and stores another one in its place. */
    private void removeOrInsert(EditableIndex index, Range range) {
        index.remove(range);
        model.remove(range.first());
        assertAt(index, range.first());
        if (model.size() < 200 || random.nextBoolean()) {
            Range instead = new Range(range.first(), range.last(), 7);
            index.insert(instead);
            model.put(instead.first(), instead);
        }
    }

    private void split(EditableIndex index, Range range) {
        long cut = range.first() + (range.last() - range.first()) / 2 / PAGE * PAGE;
        if (cut > range.first()) {
            Range left = new Range(range.first(), cut - 1, 1);
            Range right = new Range(cut, range.last(), 2);
            index.split(range, left, right);
            model.put(left.first(), left);
            model.put(right.first(), right);
            assertAt(index, cut);
            assertAt(index, cut - 1);
        }
    }

    private void merge(EditableIndex index, Range range) {
        Range next = model.get(range.last() + 1);
        if (next != null) {
            Range whole = new Range(range.first(), next.last(), 3);
            index.merge(range, next, whole);
            model.remove(next.first());
            model.put(whole.first(), whole);
            assertAt(index, next.first());
        }
    }

    private void resize(EditableIndex index, Range range) {
        Range above = at(model.higherEntry(range.first()));
        long limit = above == null ? range.last() + 3 * PAGE : above.first() - 1;
        long last = range.first() + random.nextLong(1, (limit + 1 - range.first()) / PAGE + 1) * PAGE - 1;
        Range after = new Range(range.first(), last, 4);
        if (last != range.last()) {
            index.resize(range, after);
            model.put(after.first(), after);
            assertAt(index, last);
            assertAt(index, last + 1);
        }
    }

    @ParameterizedTest
    @MethodSource("scannable")
    @DisplayName("scans come by all ranges, or by as many as were asked for")
    void scans(String name) {
        Scannable index = filled(name, Scannable.class);
        long all = sum(model.values().stream());
        assertEquals(all, index.scan());
        assertEquals(all, index.scanBackwards());
        for (int i = 0; i < 1_000; i++) {
            long from = random.nextLong(end);
            int count = random.nextInt(1, 20);
            assertEquals(sum(model.tailMap(from).values().stream().limit(count)), index.scanFrom(from, count));
        }
        long first = keys.sorted().get(5).first();
        assertEquals(keys.sorted().get(5).sum(), index.scanFrom(first, 1));
        assertEquals(keys.sorted().get(6).sum(), index.scanFrom(first + 1, 1));
    }

    private static long sum(Stream<Range> ranges) {
        return ranges.mapToLong(Range::sum).sum();
    }

    @ParameterizedTest
    @MethodSource("gapStores")
    @DisplayName("a search stores at the lowest or highest room there is, and finds none where there is none")
    void gaps(String name) {
        GapStore gaps = filled(name, GapStore.class);
        RangeIndex index = (RangeIndex) gaps;
        Range value = new Range(0, 0, 0);
        for (int i = 0; i < 1_000; i++) {
            long size = random.nextLong(1, 80) * PAGE;
            long min = random.nextLong(1, 1L << 12) * PAGE;
            long max = min + random.nextLong(1, 1L << 12) * PAGE - 1;
            boolean isUpwards = random.nextBoolean();
            long expected = isUpwards ? lowest(size, min, max) : highest(size, min, max);
            assertEquals(
                    expected,
                    isUpwards ? gaps.storeLowest(size, min, max, value) : gaps.storeHighest(size, min, max, value));
            if (expected != GapStore.NONE) {
                assertStored(index, expected, expected + size - 1);
                gaps.free(expected, expected + size - 1);
                gaps.storeAt(expected, expected + size - 1, value);
                assertStored(index, expected, expected + size - 1);
                gaps.free(expected, expected + size - 1);
            }
        }
        check(index);
    }

    private void assertStored(RangeIndex index, long first, long last) {
        Range stored = index.get(first);
        assertSame(stored, index.get(last));
        assertSame(null, expected(first));
        assertEquals(false, stored == null);
        assertAt(index, first - 1);
        assertAt(index, last + 1);
    }

    /** Searches page by page. */
    private long lowest(long size, long min, long max) {
        for (long first = min; first + size - 1 <= max; first += PAGE) {
            if (isFree(first, size)) {
                return first;
            }
        }
        return GapStore.NONE;
    }

    private long highest(long size, long min, long max) {
        for (long first = max + 1 - size; first >= min; first -= PAGE) {
            if (isFree(first, size)) {
                return first;
            }
        }
        return GapStore.NONE;
    }

    private boolean isFree(long first, long size) {
        Range below = at(model.floorEntry(first + size - 1));
        return below == null || below.last() < first;
    }

    @ParameterizedTest
    @MethodSource("versioned")
    @DisplayName("a snapshot stays as it was, whatever is changed")
    void snapshots(String name) {
        EditableIndex index = filled(name, EditableIndex.class);
        Versioned versions = (Versioned) index;
        Object before = versions.snapshot();
        for (Range range : keys.sorted().subList(100, 200)) {
            index.remove(range);
        }
        Object after = versions.snapshot();
        for (int i = 0; i < 300; i++) {
            Range range = keys.sorted().get(i);
            boolean isGone = i >= 100 && i < 200;
            assertSame(range, versions.getIn(before, range.first()));
            assertSame(isGone ? null : range, versions.getIn(after, range.first()));
            assertSame(isGone ? null : range, index.get(range.last()));
        }
    }

    @Test
    @DisplayName("an index that there is not, or one that cannot do it, is refused")
    void refused() {
        assertThrows(IllegalArgumentException.class, () -> Indexes.named("b-tree"));
        assertThrows(IllegalArgumentException.class, () -> Indexes.named(Indexes.SAMARA_SNAPSHOT, EditableIndex.class));
    }
}
