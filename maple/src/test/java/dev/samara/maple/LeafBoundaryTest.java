// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("The boundary of a leaf that moves")
class LeafBoundaryTest {
    private static final Snapshot<Integer> ABOVE = TwoLeaves.above(-1);

    /** A shared object, because boxing a number of this size again would create another object. */
    private static final Integer NUMBER = 2_000;

    private TwoLeaves<Integer> cells = new TwoLeaves<>(cell -> cell);

    private MapleTree<Integer> tree = cells.tree;

    /** Creates a tree whose leaves use halves or lanes. */
    private void make(boolean isHigh) {
        cells = isHigh ? TwoLeaves.high(cell -> cell, ABOVE) : new TwoLeaves<>(cell -> cell);
        tree = cells.tree;
    }

    private static @Nullable Object[] leaf(MapleTree<?> tree, long index) {
        return Lookup.leaf(tree.rootAcquire(), Node.flip(index));
    }

    private static long at(int cell, int quarter) {
        return TwoLeaves.first(cell) + 4L * quarter;
    }

    /** Validates in the open era, unlike {@link MapleTree#validate}. */
    private void validate() {
        TreeCheck.validate(tree.rootAcquire());
    }

    /**
     * Makes the range of cell 6 end after {@code quarters} quarters of cell 7. The first call creates a leaf in which
     * this boundary is movable.
     */
    private void grow(int quarters) {
        tree.store(at(6, 0), at(7, quarters) - 1, 6);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("is that of the first growth, and from then on growing replaces no leaf")
    void growsInPlace(boolean isHigh) {
        make(isHigh);
        @Nullable Object[] before = leaf(tree, at(6, 0));
        grow(1);
        @Nullable Object[] leaf = leaf(tree, at(6, 0));
        assertNotSame(before, leaf);
        for (int quarters = 2; quarters < 4; quarters++) {
            assertNull(tree.get(at(7, quarters - 1)));
            grow(quarters);
            assertSame(leaf, leaf(tree, at(6, 0)));
            assertEquals(6, tree.get(at(7, quarters) - 1));
            assertNull(tree.get(at(7, quarters)));
            assertEquals(new RangeEntry<>(at(6, 0), at(7, quarters) - 1, 6), tree.entryAt(at(7, 0)));
            validate();
        }
        tree.erase(at(7, 1), at(7, 3) - 1);
        assertSame(leaf, leaf(tree, at(6, 0)));
        assertEquals(new RangeEntry<>(at(6, 0), at(7, 1) - 1, 6), tree.entryAt(at(7, 0)));
        assertTrue(tree.isFree(at(7, 1), at(7, 3)));
        assertFalse(tree.isFree(at(7, 1) - 1, at(7, 3)));
        tree.validate();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("moves down into a free range, and between two entries")
    void movesBetweenEntries(boolean isHigh) {
        make(isHigh);
        cells.store(7, 7);
        tree.store(at(7, 2), at(8, 4) - 1, 8);
        @Nullable Object[] leaf = leaf(tree, at(6, 0));
        tree.store(at(7, 1), at(8, 4) - 1, 8);
        assertSame(leaf, leaf(tree, at(6, 0)));
        assertEquals(7, tree.get(at(7, 1) - 1));
        assertEquals(8, tree.get(at(7, 1)));
        tree.store(at(7, 0), at(7, 3) - 1, 7);
        assertSame(leaf, leaf(tree, at(6, 0)));
        assertEquals(new RangeEntry<>(at(7, 0), at(7, 3) - 1, 7), tree.entryAt(at(7, 0)));
        assertEquals(new RangeEntry<>(at(7, 3), at(8, 4) - 1, 8), tree.entryAt(at(8, 0)));
        tree.validate();
    }

    @Nested
    @DisplayName("does not move where another one could see it:")
    class Stays {
        @ParameterizedTest
        @ValueSource(booleans = {false, true})
        @DisplayName("in a snapshot, and in a leaf that the next edit takes over from it")
        void snapshot(boolean isHigh) {
            make(isHigh);
            grow(1);
            Snapshot<Integer> taken = tree.snapshot();
            List<RangeEntry<Integer>> entries = taken.entries();
            grow(2);
            cells.store(10, 50);
            grow(3);
            assertEquals(entries, taken.entries());
            Snapshot<Integer> next = tree.snapshot();
            cells.store(8, 100);
            List<RangeEntry<Integer>> later = next.entries();
            grow(2);
            grow(1);
            assertEquals(later, next.entries());
            assertEquals(entries, taken.entries());
        }

        @Test
        @DisplayName("in a leaf of which a snapshot has the pivots only")
        void snapshotWithOtherLeaf() {
            grow(1);
            Snapshot<Integer> taken = tree.snapshot();
            List<RangeEntry<Integer>> entries = taken.entries();
            // The first store starts the era, in the other leaf; the second one replaces a value in this leaf, but
            // leaves its pivots unchanged.
            cells.store(10, 100);
            cells.store(8, 101);
            grow(2);
            grow(3);
            assertEquals(entries, taken.entries());
            tree.validate();
        }

        @Test
        @DisplayName("in a leaf that a reader may still have, with pivots that the next one has taken over")
        void olderLeaf() {
            grow(1);
            @Nullable Object[] old = leaf(tree, at(6, 0));
            long[] pivots = LeafNode.pivots(old);
            long[] before = pivots.clone();
            tree.store(at(6, 0), at(7, 1) - 1, 100);
            tree.store(at(6, 0), at(7, 2) - 1, 100);
            tree.store(at(6, 0), at(7, 3) - 1, 100);
            assertTrue(Arrays.equals(before, pivots));
            assertNotSame(old, leaf(tree, at(6, 0)));
        }

        @Test
        @DisplayName("if it ends a free range at an end of the leaf, by which a search for the next entry would go")
        void freeEnd() {
            cells.store(9, 9);
            cells.erase(8);
            assertNull(LeafNode.content(leaf(tree, at(8, 0)), LeafNode.size(leaf(tree, at(8, 0))) - 1));
            grow(1);
            @Nullable Object[] leaf = leaf(tree, at(6, 0));
            grow(2);
            assertNotSame(leaf, leaf(tree, at(6, 0)));
            tree.validate();
        }

        @Test
        @DisplayName("to an index that is not at a granule of the leaf's lanes")
        void notAtGranule() {
            TreeBuilder<Integer> builder = new TreeBuilder<>();
            for (int i = 0; i < 4_000; i++) {
                builder.add((long) i << 21, ((long) i << 21) + (1 << 20) - 1, NUMBER);
            }
            MapleTree<Integer> wide = builder.build();
            long first = 2_000L << 21;
            long last = first + (1 << 20) - 1;
            // Starts the era.
            wide.store(first, last + (1 << 16), NUMBER);
            wide.store(first, last + (2 << 16), NUMBER);
            @Nullable Object[] leaf = leaf(wide, first);
            assertEquals(3, LeafNode.form(LeafNode.pivots(leaf)));
            wide.store(first, last + (3 << 16), NUMBER);
            assertSame(leaf, leaf(wide, first));
            wide.store(first, last + (3 << 16) + 32, NUMBER);
            assertEquals(new RangeEntry<>(first, last + (3 << 16) + 32, NUMBER), wide.entryAt(first));
            assertNotSame(leaf, leaf(wide, first));
            wide.validate();
        }

        @Test
        @DisplayName("to an even index, or beside one")
        void evenIndex() {
            grow(1);
            tree.store(at(6, 0), at(7, 2), 6);
            assertEquals(new RangeEntry<>(at(6, 0), at(7, 2), 6), tree.entryAt(at(7, 2)));
            tree.store(at(6, 0), at(7, 3), 6);
            tree.store(at(6, 0), at(7, 3) + 1, 6);
            assertEquals(6, tree.get(at(7, 3) + 1));
            assertNull(tree.get(at(7, 3) + 2));
            tree.validate();
        }
    }

    @Test
    @DisplayName("is noticed by a cursor: it reports the entry again that has grown, and the bounds of now")
    void cursor() {
        grow(1);
        Cursor<Integer> up = tree.cursor();
        assertEquals(6, up.find(at(6, 0)));
        grow(2);
        assertEquals(6, up.next());
        assertEquals(at(7, 2) - 1, up.last());
        assertEquals(8, up.next());
        cells.store(7, 7);
        tree.store(at(7, 2), at(8, 4) - 1, 8);
        Cursor<Integer> down = tree.cursor();
        assertEquals(8, down.find(at(8, 0)));
        assertEquals(at(7, 2), down.first());
        tree.store(at(7, 1), at(8, 4) - 1, 8);
        assertEquals(8, down.previous());
        assertEquals(at(7, 1), down.first());
        tree.store(at(7, 0), at(7, 3) - 1, 7);
        assertEquals(7, down.previous());
        assertEquals(at(7, 0), down.first());
        assertEquals(at(7, 3) - 1, down.last());
        assertEquals(8, down.next());
        assertEquals(at(7, 3), down.first());
    }

    @Test
    @DisplayName("is dropped by pivots that are made of others")
    void pivots() {
        grow(1);
        long[] moving = LeafNode.pivots(leaf(tree, at(6, 0)));
        int i = LeafNode.movable(moving);
        assertEquals(LeafNode.find(moving, Node.flip(at(6, 0))), i);
        assertNotSame(moving, LeafNode.seen(moving));
        assertTrue(Arrays.equals(moving, LeafNode.seen(moving)));
        long[] shared = LeafNode.shared(moving);
        assertEquals(LeafNode.NONE, LeafNode.movable(shared));
        assertSame(shared, LeafNode.shared(shared));
        assertSame(shared, LeafNode.seen(shared));
        assertEquals(LeafNode.form(shared), LeafNode.form(moving));
    }

    /** Entries that each cover some cells, and the expected entry of each cell. */
    private static final class Cells {
        private static final int COUNT = 1200;
        private static final int SIZE = 16;
        private static final long LAST = (long) COUNT * SIZE - 1;

        final MapleTree<Object> tree = new MapleTree<>();
        final @Nullable Object[] expected = new @Nullable Object[COUNT];
        final Random random;
        int moves;

        Cells(long seed, boolean isHigh) {
            random = new Random(seed);
            if (isHigh) {
                for (long i = COUNT; i < COUNT + 4000; i++) {
                    tree.store(i * SIZE, i * SIZE + SIZE - 1, "high");
                }
            }
        }

        private void put(int from, int to, @Nullable Object value) {
            Arrays.fill(expected, from, to, value);
        }

        void edit(int from, int to, @Nullable Object value) {
            @Nullable Object[] before = leaf(tree, (long) from * SIZE);
            long[] words = LeafNode.pivots(before).clone();
            long last = (long) to * SIZE - 1;
            if (value == null) {
                tree.erase((long) from * SIZE, last);
            } else {
                tree.store((long) from * SIZE, last, value);
            }
            boolean cuts = from > 0
                    && to < COUNT
                    && expected[to] != null
                    && expected[to] == expected[from - 1]
                    && expected[to] != value;
            put(from, to, value);
            @Nullable Object[] after = leaf(tree, (long) from * SIZE);
            moves += before == after && !Arrays.equals(words, LeafNode.pivots(after)) ? 1 : 0;
            if (cuts) {
                // If the two parts were adjacent again later, they would be one entry in the expected contents, but two
                // in the tree.
                edit(to, end(to), new Object());
            }
        }

        private int end(int cell) {
            int to = cell + 1;
            while (to < COUNT && expected[to] == expected[cell]) {
                to++;
            }
            return to;
        }

        /** Grows or shrinks the entry, or the free range, that contains a cell. */
        void resize(int cell) {
            Object value = expected[cell];
            int from = cell;
            while (from > 0 && expected[from - 1] == value) {
                from--;
            }
            int to = end(cell);
            for (int times = 1 + random.nextInt(3); times > 0 && to < COUNT - 1 && from > 0; times--) {
                switch (random.nextInt(5)) {
                    case 0, 1 -> edit(from, ++to, value);
                    case 2 -> edit(--from, to, value);
                    case 3 -> {
                        if (to - from > 1) {
                            edit(--to, to + 1, null);
                        }
                    }
                    default -> {
                        if (to - from > 1) {
                            edit(from, ++from, null);
                        }
                    }
                }
            }
        }

        List<RangeEntry<Object>> entries() {
            List<RangeEntry<Object>> entries = new ArrayList<>();
            for (int from = 0; from < COUNT; ) {
                int to = end(from);
                if (expected[from] != null) {
                    entries.add(new RangeEntry<>((long) from * SIZE, (long) to * SIZE - 1, expected[from]));
                }
                from = to;
            }
            return entries;
        }

        void compare() {
            tree.validate();
            List<RangeEntry<Object>> entries = entries();
            assertEquals(entries, tree.entries(0, LAST));
            Cursor<Object> cursor = tree.cursor();
            for (RangeEntry<Object> entry : entries) {
                assertSame(entry.value(), cursor.next());
                assertEquals(entry.first(), cursor.first());
                assertEquals(entry.last(), cursor.last());
                assertEquals(entry, tree.entryAt(entry.first()));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6})
    @DisplayName("makes no difference to any result, as a list of cells has them")
    void random(int seed) {
        Cells all = new Cells(seed, seed % 2 == 0);
        Random random = all.random;
        Reader<Object> reader = all.tree.reader();
        Cursor<Object> cursor = all.tree.cursor();
        List<Snapshot<Object>> taken = new ArrayList<>();
        List<List<RangeEntry<Object>>> then = new ArrayList<>();
        for (int round = 0; round < 12_000; round++) {
            int cell = 1 + random.nextInt(Cells.COUNT - 40);
            int dice = random.nextInt(100);
            if (dice < 25) {
                all.edit(cell, cell + 1 + random.nextInt(8), new Object());
            } else if (dice < 30) {
                all.edit(cell, cell + 1 + random.nextInt(30), null);
            } else if (dice < 94) {
                all.resize(cell);
            } else if (dice < 97) {
                transaction(all, cell, dice == 96);
            } else if (dice == 97) {
                taken.add(all.tree.snapshot());
                then.add(all.entries());
            }
            long index = (long) Cells.SIZE * cell + random.nextInt(Cells.SIZE);
            assertSame(all.expected[cell], all.tree.get(index));
            assertSame(all.expected[cell], reader.get(index));
            assertEquals(all.expected[cell] == null, all.tree.isFree(index, index));
            Object next = cursor.find(index);
            if (all.expected[cell] != null) {
                assertSame(all.expected[cell], Objects.requireNonNull(next));
                assertEquals(all.tree.entryAt(index), new RangeEntry<>(cursor.first(), cursor.last(), next));
            }
            if (round % 400 == 0) {
                all.compare();
                for (int i = 0; i < taken.size(); i++) {
                    assertEquals(then.get(i), taken.get(i).entries(0, Cells.LAST));
                }
            }
        }
        all.compare();
        assertTrue(all.moves > 500, "boundaries moved in place: " + all.moves);
    }

    /** In one transaction, grows an entry and stores next to it. */
    private static void transaction(Cells all, int cell, boolean commits) {
        all.tree.update(transaction -> {
            RangeEntry<Object> entry = transaction.entryAt((long) cell * Cells.SIZE);
            Object value = entry == null ? new Object() : entry.value();
            int from = entry == null ? cell : (int) (entry.first() / Cells.SIZE);
            int to = 2 + (entry == null ? cell : (int) (entry.last() / Cells.SIZE));
            transaction.store((long) from * Cells.SIZE, (long) to * Cells.SIZE - 1, value);
            if (commits) {
                all.put(from, to, value);
            } else {
                transaction.abort();
            }
        });
    }

    @Test
    @DisplayName("is one word, in lanes too")
    void oneWord() {
        make(true);
        grow(1);
        long[] before = LeafNode.pivots(leaf(tree, at(6, 0))).clone();
        grow(2);
        long[] after = LeafNode.pivots(leaf(tree, at(6, 0)));
        int differ = 0;
        for (int w = 0; w < before.length; w++) {
            differ += before[w] == after[w] ? 0 : 1;
        }
        assertEquals(1, differ);
        assertNotEquals(LeafNode.NONE, LeafNode.movable(after));
        assertEquals(Objects.requireNonNull(tree.entryAt(at(7, 0))).last(), at(7, 2) - 1);
    }

    @Test
    @DisplayName("an edit by another node that keeps the pivots takes no boundary over that moves")
    void keptPivots() {
        MapleTree<String> names = new MapleTree<>();
        for (int i = 0; i < 16; i++) {
            names.store(16L * i, 16L * i + 15, "v" + i);
        }
        names.store(96, 115, Objects.requireNonNull(names.get(96)));
        assertEquals("v6", names.snapshot().get(115));
        names.erase(116, 127);
        names.validate();
        names.update(edit -> edit.store(116, 127, "new"));
        names.validate();
        assertEquals("v6", names.get(115));
        assertEquals("new", names.get(116));
    }
}
