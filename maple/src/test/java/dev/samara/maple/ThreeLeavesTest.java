// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The assumptions of the tests that use {@link ThreeLeaves}. */
class ThreeLeavesTest {
    private final ThreeLeaves<Integer> cells = new ThreeLeaves<>(cell -> cell);

    @Test
    @DisplayName("the outer leaves have no reservation and an empty end, the one in the middle has no entry")
    void leaves() {
        Node root = cells.tree.rootAcquire();
        assertEquals(1, root.level);
        assertEquals(3, root.size());
        assertEquals(Node.flip(TwoLeaves.last(ThreeLeaves.LOWER_END)), root.pivot(0));
        assertEquals(Node.flip(TwoLeaves.first(ThreeLeaves.UPPER_START) - 1), root.pivot(1));
        assertEquals(0b010, root.reservedIn);
        assertNull(Lookup.atOrAfter(root.leaf(1), root.pivot(0) + 1));
        assertTrue(root.era.open);
        cells.tree.validate();
    }

    @Test
    @DisplayName("edits of the outer leaves are put in place, and the answers of searches lie beyond the middle")
    void edits() {
        Node root = cells.tree.rootAcquire();
        for (int cell : new int[] {ThreeLeaves.LOWER_END, ThreeLeaves.UPPER_START}) {
            cells.store(cell, 100);
            cells.store(cell == ThreeLeaves.LOWER_END ? cell - 1 : cell + 1, cell);
            cells.erase(cell);
        }
        assertSame(root, cells.tree.rootAcquire());
        assertEquals(ThreeLeaves.UPPER_START, cells.tree.atOrAfter(TwoLeaves.first(ThreeLeaves.LOWER_END)));
        assertEquals(ThreeLeaves.LOWER_END, cells.tree.atOrBefore(TwoLeaves.last(ThreeLeaves.UPPER_START)));
    }
}
