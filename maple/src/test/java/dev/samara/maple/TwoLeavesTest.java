// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Checks the assumptions of the tests that use {@link TwoLeaves}; without them, those tests would pass without testing
 * anything.
 */
class TwoLeavesTest {
    private final TwoLeaves<Integer> cells = new TwoLeaves<>(cell -> cell);

    private Node root() {
        return cells.tree.rootAcquire();
    }

    @Test
    @DisplayName("the edge between two leaves lies in the middle of the window, and halves decide")
    void edgeIsInTheWindow() {
        for (Node root : List.of(root(), new TwoLeaves<>(cell -> cell, "owner").tree.rootAcquire())) {
            assertEquals(1, root.level);
            assertEquals(2, root.size());
            assertEquals(Node.flip(TwoLeaves.last(TwoLeaves.UPPER - 1)), root.pivot(0));
            assertFalse(root.anyEven);
            assertTrue(root.era.open);
        }
    }

    @Test
    @DisplayName("in a high tree both leaves have lanes")
    void highLeavesHaveLanes() {
        TwoLeaves<Integer> high = TwoLeaves.high(cell -> cell, TwoLeaves.above(-1));
        Node parent = high.tree.rootAcquire();
        assertEquals(LeafNode.LANES_FROM_LEVEL, parent.level);
        while (parent.level != 1) {
            parent = parent.child(0);
        }
        assertEquals(Node.flip(TwoLeaves.last(TwoLeaves.UPPER - 1)), parent.pivot(0));
        assertEquals(0, parent.form(0));
        assertEquals(0, parent.form(1));
        assertEditsAreMadeInPlace(high);
    }

    @Test
    @DisplayName("an edit on one side of the edge replaces a leaf")
    void editsAreMadeInPlace() {
        assertEditsAreMadeInPlace(cells);
    }

    private static void assertEditsAreMadeInPlace(TwoLeaves<Integer> cells) {
        Node before = cells.tree.rootAcquire();
        // Cells 8 and 9 are excluded: if one is erased, the free ranges on both sides of the edge become one, which
        // changes both leaves.
        for (int cell : new int[] {6, 7, 10, 11}) {
            cells.store(cell, 100);
            cells.erase(cell);
        }
        cells.store(TwoLeaves.WINDOW, TwoLeaves.UPPER - 1, 100);
        cells.store(TwoLeaves.UPPER, TwoLeaves.WINDOW_END - 1, 100);
        cells.tree.store(TwoLeaves.first(6) + 4, TwoLeaves.first(6) + 7, 100);
        assertSame(before, cells.tree.rootAcquire());
        cells.store(TwoLeaves.UPPER - 1, TwoLeaves.UPPER, 100);
        assertNotSame(before, cells.tree.rootAcquire());
        cells.tree.validate();
    }

    @Test
    @DisplayName("whatever the window holds, there are two leaves")
    void leavesAreNotJoined() {
        for (int from = TwoLeaves.WINDOW; from < TwoLeaves.WINDOW_END; from++) {
            for (int to = from; to < TwoLeaves.WINDOW_END; to++) {
                cells.store(from, to, 100);
                cells.tree.erase(TwoLeaves.first(TwoLeaves.WINDOW), TwoLeaves.last(TwoLeaves.WINDOW_END - 1));
                assertEquals(1, root().level);
                cells.tree.validate();
            }
        }
    }

    @Test
    @DisplayName("a snapshot is followed by one edit that is published by the root")
    void firstEditAfterASnapshotIsNotInPlace() {
        cells.tree.snapshot();
        Node before = root();
        cells.store(7, 100);
        assertNotSame(before, root());
        Node after = root();
        cells.store(8, 100);
        assertSame(after, root());
    }
}
