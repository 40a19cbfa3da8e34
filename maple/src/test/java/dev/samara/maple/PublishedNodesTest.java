// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.testing.Explored;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("B.1 E.1: what readers can reach is never written, whatever a transaction writes in place")
@Explored(8)
class PublishedNodesTest {

    private final MapleTree<Object> tree = new MapleTree<>();
    /** A copy of each node at the time of its publication. */
    private final IdentityHashMap<Node, Node> published = new IdentityHashMap<>();

    private final IdentityHashMap<@Nullable Object[], @Nullable Object[]> publishedLeaves = new IdentityHashMap<>();
    private final IdentityHashMap<long[], long[]> publishedPivots = new IdentityHashMap<>();

    private void remember(Node n) {
        if (published.containsKey(n)) {
            return;
        }
        Node copy = new Node(
                n.level,
                n.reservedIn,
                n.evenIn,
                n.even,
                n.forms,
                n.halves.clone(),
                n.nodes.clone(),
                n.leaves.clone(),
                n.childPivots.clone(),
                n.gaps.clone(),
                n.era);
        published.put(n, copy);
        for (int i = 0; i < n.size(); i++) {
            if (n.level > 1) {
                remember(n.child(i));
            } else {
                remember(n.leaf(i));
            }
        }
    }

    private void remember(@Nullable Object[] leaf) {
        if (!publishedLeaves.containsKey(leaf)) {
            publishedLeaves.put(leaf, leaf.clone());
            publishedPivots.computeIfAbsent(LeafNode.pivots(leaf), long[]::clone);
        }
    }

    private void forget() {
        published.clear();
        publishedLeaves.clear();
        publishedPivots.clear();
    }

    private void compare() {
        publishedLeaves.forEach((leaf, copy) -> {
            for (int i = 0; i < copy.length; i++) {
                assertSame(copy[i], leaf[i]);
            }
        });
        publishedPivots.forEach((pivots, copy) -> assertArrayEquals(copy, pivots));
        published.forEach((n, copy) -> {
            assertArrayEquals(copy.halves, n.halves);
            assertArrayEquals(copy.gaps, n.gaps);
            for (int i = 0; i < copy.nodes.length; i++) {
                assertSame(copy.nodes[i], n.nodes[i]);
            }
            for (int i = 0; i < copy.leaves.length; i++) {
                assertSame(copy.leaves[i], n.leaves[i]);
            }
            for (int i = 0; i < copy.childPivots.length; i++) {
                assertSame(copy.childPivots[i], n.childPivots[i]);
            }
        });
    }

    private static void edit(Transaction<Object> t, Random random, long around) {
        long first = around + random.nextInt(12);
        long last = first + random.nextInt(5);
        switch (random.nextInt(8)) {
            case 0, 1, 2 -> t.store(first, last, random.nextInt(3), "owner");
            case 3, 4, 5 -> t.erase(first, last, "owner");
            case 6 -> t.insert(first, last, "new");
            default -> t.replaceByReservation(first, last, "owner");
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {20, 200, 6000})
    void transactionsLeavePublishedNodesAlone(int entries) {
        Random random = new Random(entries);
        for (int i = 0; i < entries; i++) {
            tree.store(3L * i, 3L * i + 1, "x");
        }
        for (int round = 0; round < 3000; round++) {
            int edits = 1 + random.nextInt(6);
            boolean commit = random.nextInt(4) != 0;
            long around = random.nextInt(3 * entries);
            if (random.nextInt(4) == 0) {
                // This may modify nodes in place that no snapshot contains.
                compare();
                forget();
                tree.store(around, around, "single", "owner");
            }
            tree.update(t -> {
                remember(t.root());
                for (int i = 0; i < edits; i++) {
                    Node before = t.root();
                    List<RangeEntry<Object>> entriesBefore = i % 2 == 0 ? List.of() : t.entries();
                    edit(t, random, random.nextInt(4) == 0 ? random.nextInt(3 * entries) : around);
                    if (!entriesBefore.isEmpty() && !entriesBefore.equals(t.entries())) {
                        assertNotSame(before, t.root());
                    }
                }
                TreeCheck.validate(t.root());
                if (!commit) {
                    t.abort();
                }
            });
            tree.validate();
            if (round % 100 == 0) {
                compare();
            }
        }
        compare();
    }

    @ParameterizedTest
    @ValueSource(ints = {20, 200, 6000})
    @DisplayName("B.1 the nodes of a snapshot are never written, whatever an edit writes in place")
    void editsLeaveSnapshotsAlone(int entries) {
        Random random = new Random(entries);
        for (int i = 0; i < entries; i++) {
            tree.store(3L * i, 3L * i + 1, "x");
        }
        int inPlace = 0;
        for (int round = 0; round < 3000; round++) {
            if (random.nextInt(20) == 0) {
                tree.snapshot();
                remember(tree.rootAcquire());
            }
            Node before = tree.rootAcquire();
            long at = 3L * random.nextInt(entries);
            if (random.nextBoolean()) {
                tree.store(at, at, round);
            } else {
                tree.eraseEntry(at);
            }
            inPlace += tree.rootAcquire() == before ? 1 : 0;
            if (round % 100 == 0) {
                tree.validate();
                compare();
            }
        }
        compare();
        assertTrue(inPlace > 300, "edits made in place: " + inPlace);
    }

    @Test
    @DisplayName("forEach of a transaction is of one instant, also if its action edits")
    void actionOfForEachMayEdit() {
        for (int i = 0; i < 400; i++) {
            tree.store(3L * i, 3L * i + 1, i);
        }
        tree.update(t -> {
            for (int i = 0; i < 390; i += 5) {
                t.store(3L * i, 3L * i, "made by this transaction");
                List<RangeEntry<Object>> expected = t.entries();
                List<RangeEntry<Object>> seen = new ArrayList<>();
                long at = 3L * i;
                t.forEach((first, last, value) -> {
                    seen.add(new RangeEntry<>(first, last, value));
                    if (first == at) {
                        t.erase(at, at);
                        t.store(at + 3, at + 3, "one");
                        t.erase(at + 4, at + 4);
                        t.store(at + 6, at + 7, "two");
                    }
                });
                assertEquals(expected, seen);
            }
            TreeCheck.validate(t.root());
            t.abort();
        });
    }

    @Test
    @DisplayName("E.2 a cursor of a transaction sees nodes written in place")
    void cursorGoesByTheNewestRoot() {
        for (int i = 0; i < 400; i++) {
            tree.store(4L * i, 4L * i + 1, i);
        }
        tree.update(t -> {
            t.store(800, 800, "first");
            Cursor<Object> c = t.cursor();
            assertEquals("first", c.find(800));
            t.store(802, 802, "second");
            t.erase(804, 805);
            assertEquals(200, c.next());
            assertEquals("second", c.next());
            t.erase(800, 801);
            assertEquals(199, c.previous());
            assertEquals("second", c.next());
            t.erase(808, -1L);
            assertNull(c.next());
        });
    }

    @Test
    @DisplayName("B.1 forEach of a transaction is of one instant, also if its action "
            + "ends the transaction and edits the tree")
    void actionOfForEachMayEndTheTransaction() {
        for (int i = 0; i < 100; i++) {
            tree.store(3L * i, 3L * i + 1, "before");
        }
        List<Object> seen = new ArrayList<>();
        tree.writerLock().lock();
        try (Transaction<Object> t = tree.begin()) {
            t.forEach((first, last, value) -> {
                seen.add(value);
                if (first == 0) {
                    t.abort();
                    for (int i = 0; i < 100; i++) {
                        tree.store(3L * i, 3L * i + 1, "after");
                    }
                }
            });
        } finally {
            tree.writerLock().unlock();
        }
        assertEquals(java.util.Collections.nCopies(100, "before"), seen);
        assertEquals("after", tree.get(297));
    }
}
