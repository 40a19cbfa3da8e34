// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("B.1: the ranges in which two snapshots differ")
class DifferenceTest {

    private static final int LIMIT = 2_000;

    private static List<String> differences(Snapshot<Integer> one, Snapshot<Integer> other) {
        List<String> found = new ArrayList<>();
        one.forEachDifference(
                other, (first, last, before, after) -> found.add(first + "-" + last + " " + before + ">" + after));
        return found;
    }

    /** Compares index by index. */
    private static List<String> expected(Snapshot<Integer> one, Snapshot<Integer> other) {
        List<String> found = new ArrayList<>();
        long first = 0;
        while (first < LIMIT) {
            Integer before = one.get(first);
            Integer after = other.get(first);
            long last = first;
            while (last + 1 < LIMIT
                    && Objects.equals(one.get(last + 1), before)
                    && Objects.equals(other.get(last + 1), after)) {
                last++;
            }
            if (!Objects.equals(before, after)) {
                found.add(first + "-" + last + " " + before + ">" + after);
            }
            first = last + 1;
        }
        return found;
    }

    /** Makes edits whose values are never equal to earlier ones, and so each entry has its own value. */
    private static void edit(MapleTree<Integer> tree, Random random, int edits, int round) {
        for (int i = 0; i < edits; i++) {
            long first = random.nextInt(LIMIT);
            long last = Math.min(LIMIT - 1, first + random.nextInt(20));
            int value = round * 10_000 + i;
            switch (random.nextInt(8)) {
                case 0, 1 -> tree.erase(first, last);
                case 2 ->
                    tree.update(t -> {
                        t.erase(first, last);
                        t.store(first, first, value);
                    });
                default -> tree.store(first, last, value);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 3, 30, 1_000})
    void editsBetweenTwoSnapshotsAreFound(int edits) {
        Random random = new Random(edits);
        for (int round = 0; round < 40; round++) {
            MapleTree<Integer> tree = new MapleTree<>();
            edit(tree, random, random.nextInt(800), 2 * round);
            Snapshot<Integer> before = tree.snapshot();
            edit(tree, random, edits, 2 * round + 1);
            Snapshot<Integer> after = tree.snapshot();
            assertEquals(expected(before, after), differences(before, after), "round " + round);
            assertEquals(expected(after, before), differences(after, before), "round " + round);
        }
    }

    @Test
    void treesOfOtherHeightsAndPartsAreCompared() {
        Random random = new Random(7);
        for (int round = 0; round < 40; round++) {
            MapleTree<Integer> large = new MapleTree<>();
            MapleTree<Integer> small = new MapleTree<>();
            edit(large, random, 900, 1);
            edit(small, random, round, 2);
            Snapshot<Integer> joined = Snapshot.join(large.snapshot(), random.nextInt(LIMIT), small.snapshot());
            Snapshot<Integer> part = large.snapshot().within(random.nextInt(LIMIT), LIMIT, "outside");
            List<Snapshot<Integer>> all = List.of(large.snapshot(), small.snapshot(), joined, part);
            for (Snapshot<Integer> one : all) {
                for (Snapshot<Integer> other : all) {
                    assertEquals(expected(one, other), differences(one, other), "round " + round);
                }
            }
        }
    }

    @Test
    void theWholeRangeOfIndexesIsCompared() {
        MapleTree<Integer> tree = new MapleTree<>();
        Snapshot<Integer> empty = tree.snapshot();
        assertEquals(List.of(), differences(empty, empty));
        tree.store(0, -1L, 5);
        assertEquals(List.of("0--1 null>5"), differences(empty, tree.snapshot()));
        assertEquals(List.of("0--1 5>null"), differences(tree.snapshot(), empty));
    }

    @Test
    void equalValuesAndReservationsAreNoDifference() {
        MapleTree<Integer> tree = new MapleTree<>();
        tree.store(0, 9, 1_000);
        Snapshot<Integer> before = tree.snapshot();
        tree.store(0, 9, Integer.valueOf("1000"));
        tree.reserve(20, 29, "owner");
        assertEquals(List.of(), differences(before, tree.snapshot()));
    }

    @Test
    void anExceptionOfTheActionEndsTheComparison() {
        MapleTree<Integer> tree = new MapleTree<>();
        Snapshot<Integer> before = tree.snapshot();
        tree.store(0, 9, 1);
        tree.store(20, 29, 2);
        List<Integer> seen = new ArrayList<>();
        assertThrows(
                IllegalStateException.class,
                () -> before.forEachDifference(tree.snapshot(), (first, last, one, other) -> {
                    seen.add(other);
                    throw new IllegalStateException();
                }));
        assertEquals(List.of(1), seen);
    }

    private static @Nullable Object[] leaf(long pivot, @Nullable Integer value) {
        return LeafNode.of(LeafNode.pivotsOf(new long[] {pivot}, 0, 1, Node.MIN, 2), new Object[] {value}, 0, 1);
    }

    private static Node inner(int level, long[] pivots, @Nullable Object... children) {
        int[] notes = new int[children.length];
        long[] gaps = new long[children.length];
        return Node.inner(level, pivots, children, gaps, notes, 0, children.length, new Node.Era(false));
    }

    @Test
    @DisplayName("a node or leaf that both trees have is not entered")
    void sharedNodesAreNotEntered() {
        // Both would fail if they were searched.
        Node sharedNode = new Node(
                2,
                0,
                0,
                0,
                -1,
                new long[0],
                new Node[0],
                new Object[0][],
                new long[0][],
                new long[0],
                new Node.Era(false));
        Object[] sharedLeaf = {new long[0]};
        long border = Node.flip(99);
        long middle = Node.flip(199);
        List<Snapshot<Integer>> snapshots = new ArrayList<>();
        for (int value = 1; value <= 2; value++) {
            Node lower = inner(1, new long[] {border, middle}, leaf(border, value), sharedLeaf);
            Node root = inner(3, new long[] {middle, Node.MAX}, inner(2, new long[] {middle}, lower), sharedNode);
            snapshots.add(new Snapshot<>(root));
        }
        assertEquals(List.of("0-99 1>2"), differences(snapshots.get(0), snapshots.get(1)));
    }
}
