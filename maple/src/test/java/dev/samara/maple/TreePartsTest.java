// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("B.1 C.1 C.5 D.3: parts of snapshots, and snapshots joined")
class TreePartsTest {

    private static final Object OUTSIDE = "outside";

    /** Returns every entry, reservation and free range of a snapshot within a range, as text. */
    private static String allOf(Snapshot<Integer> snapshot, long first, long last) {
        MapleTree<Integer> tree = new MapleTree<>(new ReentrantLock(), snapshot);
        StringBuilder text = new StringBuilder();
        List<RangeEntry<Integer>> entries = snapshot.entries();
        for (RangeEntry<Integer> entry : entries) {
            long from = Math.max(entry.first(), first);
            long to = Math.min(entry.last(), last);
            if (from <= to) {
                text.append(from)
                        .append('-')
                        .append(to)
                        .append('=')
                        .append(entry.value())
                        .append('\n');
            }
        }
        for (long at = first; at <= last; at++) {
            RangeEntry<Object> reservation = tree.reservationAt(at);
            if (reservation != null) {
                text.append(at).append(" reserved ").append(reservation.value()).append('\n');
            }
        }
        return text.toString();
    }

    private static MapleTree<Integer> random(Random random, int entries, int limit) {
        MapleTree<Integer> tree = new MapleTree<>();
        for (int i = 0; i < entries; i++) {
            long first = random.nextInt(limit);
            long last = Math.min(limit - 1, first + random.nextInt(12));
            switch (random.nextInt(8)) {
                case 0 -> {
                    if (tree.reservationIn(first, last) == null) {
                        tree.erase(first, last);
                    }
                }
                case 1 -> tree.reserve(first, last, "owner" + i % 3);
                default -> {
                    if (tree.reservationIn(first, last) == null) {
                        tree.store(first, last, i);
                    }
                }
            }
        }
        return tree;
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 3, 10, 40, 300, 3_000})
    void joinedIsBothParts(int entries) {
        Random random = new Random(entries);
        int limit = Math.max(16, entries * 4);
        for (int round = 0; round < 60; round++) {
            Snapshot<Integer> lower =
                    random(random, random.nextInt(entries + 1), limit).snapshot();
            Snapshot<Integer> upper =
                    random(random, random.nextInt(entries + 1), limit).snapshot();
            long border = random.nextInt(limit);
            Snapshot<Integer> joined = Snapshot.join(lower, border, upper);
            joined.validate();
            lower.validate();
            upper.validate();
            assertEquals(
                    allOf(lower, 0, border - 1) + "|" + allOf(upper, border, limit),
                    allOf(joined, 0, border - 1) + "|" + allOf(joined, border, limit));
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5})
    void dividedAndJoinedIsTheWhole(long seed) {
        Random random = new Random(seed);
        for (int round = 0; round < 30; round++) {
            int limit = 16 << random.nextInt(9);
            Snapshot<Integer> whole = random(random, limit / 4, limit).snapshot();
            long border = 1L + random.nextInt(limit - 1);
            MapleTree<Integer> lower = new MapleTree<>(new ReentrantLock(), whole.within(0, border - 1, OUTSIDE));
            MapleTree<Integer> upper = new MapleTree<>(new ReentrantLock(), whole.within(border, -1L, OUTSIDE));
            lower.validate();
            upper.validate();
            if (!Objects.equals(whole.get(border), whole.get(border - 1))) {
                assertEquals(
                        whole.entries(),
                        Snapshot.join(lower.snapshot(), border, upper.snapshot())
                                .entries());
            }
            // Edits of the parts, in nodes that they share with the other part and the whole.
            String before = allOf(whole, 0, limit);
            for (int i = 0; i < 20; i++) {
                long at = random.nextInt(limit);
                MapleTree<Integer> part = at < border ? lower : upper;
                if (part.reservationAt(at) == null) {
                    part.store(at, at, -i);
                }
            }
            Snapshot<Integer> joined = Snapshot.join(lower.snapshot(), border, upper.snapshot());
            joined.validate();
            assertEquals(before, allOf(whole, 0, limit));
            assertEquals(
                    allOf(lower.snapshot(), 0, border - 1) + "|" + allOf(upper.snapshot(), border, limit),
                    allOf(joined, 0, border - 1) + "|" + allOf(joined, border, limit));
        }
    }

    @Test
    void manyParts() {
        MapleTree<Integer> tree = new MapleTree<>();
        for (int i = 0; i < 50_000; i++) {
            tree.store(i * 10L, i * 10L + 5, i);
        }
        Snapshot<Integer> whole = tree.snapshot();
        Snapshot<Integer> joined = whole.within(0, 99_999, OUTSIDE);
        for (long border = 100_000; border < 500_000; border += 100_000) {
            long last = border == 400_000 ? -1L : border + 99_999;
            joined = Snapshot.join(joined, border, whole.within(border, last, OUTSIDE));
            joined.validate();
        }
        assertEquals(whole.entries(), joined.entries());
    }

    /**
     * The parts come from random trees. Each contains entries beyond its borders that the joined snapshot does not
     * contain.
     */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 7, 16})
    @DisplayName("B.1: a snapshot of parts that is joined later has the contents of one that is joined at once")
    void joinedLater(int count) {
        Random random = new Random(count);
        for (int round = 0; round < 20; round++) {
            int width = 1 + random.nextInt(60);
            int limit = count * width;
            List<Snapshot<Integer>> parts = new ArrayList<>();
            long[] borders = new long[count];
            for (int i = 0; i < count; i++) {
                parts.add(random(random, random.nextInt(limit), limit).snapshot());
                borders[i] = (long) i * width;
            }
            Snapshot<Integer> joined = parts.get(0);
            for (int i = 1; i < count; i++) {
                joined = Snapshot.join(joined, borders[i], parts.get(i));
            }
            for (int first = 0; first < 8; first++) {
                Snapshot<Integer> later = Snapshot.joinLater(parts, borders);
                for (int at = 0; at <= limit; at++) {
                    assertEquals(joined.get(at), later.get(at));
                }
                assertEquals(firstUse(joined, first, limit / 2), firstUse(later, first, limit / 2));
                assertEquals(allOf(joined, 0, limit), allOf(later, 0, limit));
                for (int at = 0; at <= limit; at++) {
                    assertEquals(joined.get(at), later.get(at));
                }
                later.validate();
            }
        }
    }

    /** Calls one method of a snapshot, as the first use of the snapshot, and returns the result. */
    private static @Nullable Object firstUse(Snapshot<Integer> of, int method, long index) {
        return switch (method) {
            case 0 -> of.atOrAfter(index);
            case 1 -> of.atOrBefore(index);
            case 2 -> of.isEmpty();
            case 3 -> of.cursor().find(index);
            case 4 -> of.entries();
            case 5 -> of.within(index, -1L, OUTSIDE).entries();
            case 6 -> Snapshot.join(of, index, of).entries();
            default -> new MapleTree<>(new ReentrantLock(), of).entries();
        };
    }

    @Test
    @DisplayName("a change of the array of borders does not change a snapshot that is joined later")
    void bordersAreCopied() {
        MapleTree<Integer> tree = new MapleTree<>();
        tree.store(0, 9, 1);
        long[] borders = {0, 5};
        Snapshot<Integer> later =
                Snapshot.joinLater(List.of(tree.snapshot(), new MapleTree<Integer>().snapshot()), borders);
        borders[1] = 0;
        assertEquals(1, later.get(4));
        assertEquals(List.of(new RangeEntry<>(0, 4, 1)), later.entries());
    }

    @Test
    @DisplayName("a joined snapshot is not a snapshot of the tree of its first part")
    void joinedIsOfNoTree() {
        MapleTree<Integer> tree = new MapleTree<>();
        Snapshot<Integer> part = tree.snapshot();
        assertTrue(tree.isStill(part));
        assertFalse(tree.isStill(Snapshot.joinLater(List.of(part, part), new long[] {0, 5})));
    }

    @Test
    void freeRangesAcrossTheBorderBecomeOne() {
        MapleTree<Integer> tree = new MapleTree<>();
        tree.store(0, 9, 1);
        tree.store(100, 109, 2);
        Snapshot<Integer> whole = tree.snapshot();
        Snapshot<Integer> joined = Snapshot.join(whole.within(0, 49, OUTSIDE), 50, whole.within(50, -1L, OUTSIDE));
        assertTrue(new MapleTree<>(new ReentrantLock(), joined).isFree(10, 99));
    }

    @Test
    void outsideIsReserved() {
        MapleTree<Integer> tree = new MapleTree<>();
        tree.store(0, 9, 1);
        MapleTree<Integer> part =
                new MapleTree<>(new ReentrantLock(), tree.snapshot().within(5, 19, OUTSIDE));
        assertNull(part.get(4));
        assertEquals(1, part.get(5));
        assertEquals(new RangeEntry<>(5, 9, 1), part.entries().get(0));
        assertThrows(ReservedException.class, () -> part.store(0, 6, 2));
        assertThrows(ReservedException.class, () -> part.erase(19, 20));
        GapSearch where = new GapSearch().size(10);
        assertTrue(part.storeHighest(where, 3));
        assertEquals(10, where.first());
        assertFalse(part.storeHighest(where, 4));
        assertSame(OUTSIDE, reservation(part, 20).value());
    }

    private static RangeEntry<Object> reservation(MapleTree<?> tree, long index) {
        @Nullable RangeEntry<Object> found = tree.reservationAt(index);
        if (found == null) {
            throw new AssertionError("not reserved: " + index);
        }
        return found;
    }

    @Test
    void aTreeFromASnapshotLeavesItAlone() {
        MapleTree<Integer> tree = new MapleTree<>();
        for (int i = 0; i < 100; i++) {
            tree.store(i, i, i);
        }
        Snapshot<Integer> whole = tree.snapshot();
        List<RangeEntry<Integer>> before = whole.entries();
        MapleTree<Integer> copy = new MapleTree<>(new ReentrantLock(), whole);
        List<MapleTree<Integer>> both = new ArrayList<>(List.of(copy, tree));
        for (int i = 0; i < 100; i++) {
            both.get(i % 2).store(i, i, -1);
            both.get((i + 1) % 2).erase(i, i);
        }
        assertEquals(before, whole.entries());
        copy.validate();
        tree.validate();
        assertNull(copy.get(1));
        assertNull(tree.get(2));
    }

    @Test
    void illegalArguments() {
        Snapshot<Integer> empty = new MapleTree<Integer>().snapshot();
        assertThrows(IllegalArgumentException.class, () -> empty.within(2, 1, OUTSIDE));
        empty.within(0, -1L, OUTSIDE).validate();
        assertTrue(Snapshot.join(empty, 0, empty).isEmpty());
        assertThrows(IllegalArgumentException.class, () -> Snapshot.joinLater(List.of(), new long[0]));
        assertThrows(IllegalArgumentException.class, () -> Snapshot.joinLater(List.of(empty), new long[2]));
    }
}
