// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

@DisplayName("B.2-B.5: cursors")
class CursorTest {

    private static final long MAX = -1L;

    private final MapleTree<String> tree = new MapleTree<>();
    private final Cursor<String> c = tree.cursor();

    private void on(long first, long last, String value) {
        assertEquals(value, c.value());
        assertEquals(first, c.first());
        assertEquals(last, c.last());
    }

    private void offEntry() {
        assertThrows(IllegalStateException.class, c::value);
        assertThrows(IllegalStateException.class, c::first);
        assertThrows(IllegalStateException.class, c::last);
    }

    @Nested
    @DisplayName("state by state")
    class States {

        @Test
        void newCursorIsOnNoEntry() {
            tree.store(0, 0, "x");
            offEntry();
        }

        @Test
        void emptyTreeGivesNothingInAnyDirection() {
            assertNull(c.next());
            assertNull(c.next());
            assertNull(c.previous());
            assertNull(c.previous());
            assertNull(c.next());
            assertNull(c.find(0));
            assertNull(c.find(MAX));
            assertNull(c.findBackward(0));
            assertNull(c.findBackward(MAX));
            offEntry();
        }

        @Test
        void singleEntryAtZero() {
            tree.store(0, 0, "x");
            assertEquals("x", c.next());
            on(0, 0, "x");
            assertNull(c.previous());
            offEntry();
            assertEquals("x", c.next());
            assertNull(c.next());
            offEntry();
            assertEquals("x", c.previous());
            assertNull(c.find(1));
            assertEquals("x", c.previous());
            assertEquals("x", c.findBackward(MAX));
        }

        @Test
        void singleEntryAtTheTop() {
            tree.store(MAX, MAX, "x");
            assertEquals("x", c.previous());
            assertNull(c.next());
            assertEquals("x", c.previous());
            assertNull(c.previous());
            assertEquals("x", c.next());
            assertNull(c.findBackward(MAX - 1));
            assertEquals("x", c.next());
            assertEquals("x", c.find(0));
        }

        @Test
        void entryThatIsEverything() {
            tree.store(0, MAX, "x");
            assertEquals("x", c.find(Long.MIN_VALUE));
            on(0, MAX, "x");
            assertNull(c.next());
            assertNull(c.next());
            assertEquals("x", c.previous());
            assertNull(c.previous());
            assertEquals("x", c.next());
        }

        @Test
        void unpositionedNextIsTheFirstAndPreviousTheLast() {
            tree.store(10, 19, "a");
            tree.store(30, 39, "b");
            assertEquals("a", c.next());
            assertEquals("b", tree.cursor().previous());
        }

        @Test
        void findIsAtOrAfter() {
            tree.store(10, 19, "a");
            tree.store(30, 39, "b");
            assertEquals("a", c.find(0));
            assertEquals("a", c.find(10));
            assertEquals("a", c.find(19));
            on(10, 19, "a");
            assertEquals("b", c.find(20));
            on(30, 39, "b");
            assertNull(c.find(40));
            offEntry();
        }

        @Test
        void findBackwardIsAtOrBefore() {
            tree.store(10, 19, "a");
            tree.store(30, 39, "b");
            assertEquals("b", c.findBackward(MAX));
            assertEquals("b", c.findBackward(30));
            assertEquals("a", c.findBackward(29));
            on(10, 19, "a");
            assertNull(c.findBackward(9));
            offEntry();
        }

        @Test
        @DisplayName("B.5 off an end, the other direction comes back to the entry at that end")
        void comesBackFromBothEnds() {
            tree.store(10, 19, "a");
            tree.store(30, 39, "b");
            assertEquals("b", c.find(30));
            assertNull(c.next());
            assertNull(c.next());
            assertEquals("b", c.previous());
            assertEquals("a", c.previous());
            assertNull(c.previous());
            assertNull(c.previous());
            assertEquals("a", c.next());
            assertNull(c.find(50));
            assertNull(c.next());
            assertEquals("b", c.previous());
            assertNull(c.findBackward(5));
            assertNull(c.previous());
            assertEquals("a", c.next());
        }

        @Test
        @DisplayName("B.5 behind the last entry it stays there, whatever is stored")
        void staysBehindTheEnd() {
            tree.store(10, 19, "a");
            assertEquals("a", c.next());
            assertNull(c.next());
            tree.store(30, 39, "b");
            assertNull(c.next());
            assertEquals("b", c.previous());
        }
    }

    @Nested
    @DisplayName("while the tree changes")
    class Changes {

        @Test
        void rootReplacedBetweenAnyTwoSteps() {
            for (int i = 0; i < 500; i++) {
                tree.store(10L * i, 10L * i + 4, "v" + i);
            }
            assertEquals("v0", c.find(0));
            for (int i = 1; i < 500; i++) {
                tree.store(10L * i + 5, 10L * i + 5, "odd");
                tree.eraseEntry(10L * i + 5);
                assertEquals("v" + i, c.next());
            }
            for (int i = 498; i >= 0; i--) {
                tree.store(10L * i + 5, 10L * i + 5, "odd");
                tree.eraseEntry(10L * i + 5);
                assertEquals("v" + i, c.previous());
            }
        }

        @Test
        void currentEntryErased() {
            tree.store(0, 9, "a");
            tree.store(10, 19, "b");
            tree.store(20, 29, "c");
            assertEquals("b", c.find(10));
            tree.erase(10, 19);
            on(10, 19, "b");
            assertEquals("c", c.next());
            assertEquals("a", c.previous());
            tree.erase(0, MAX);
            assertNull(c.next());
        }

        @Test
        @DisplayName("B.3 B.4 a store over the current entry and beyond is reported, its end being new")
        void grownOverTheCurrentEntry() {
            tree.store(10, 19, "a");
            tree.store(30, 39, "b");
            assertEquals("a", c.next());
            tree.store(5, 35, "n");
            assertEquals("n", c.next());
            on(5, 35, "n");
            assertEquals("b", c.next());
            on(36, 39, "b");
        }

        @Test
        @DisplayName("B.2 a leaf put in the place of the cursor's own is noticed, though the root stays")
        void leafPutInPlace() {
            TwoLeaves<String> cells = new TwoLeaves<>(cell -> "old");
            Cursor<String> cursor = cells.tree.cursor();
            Node root = cells.tree.rootAcquire();
            cursor.find(TwoLeaves.first(6));
            cells.store(7, "new");
            assertEquals("new", cursor.next());
            cells.store(6, "new");
            assertEquals("new", cursor.previous());
            cells.erase(7);
            cursor.next();
            assertEquals(TwoLeaves.first(8), cursor.first());
            cells.store(10, "beyond the edge");
            assertEquals("beyond the edge", cursor.next());
            cells.store(8, "before the edge");
            assertEquals("before the edge", cursor.previous());
            assertEquals(root, cells.tree.rootAcquire());
        }

        @Test
        @DisplayName("B.3 a store inside the bounds of the current entry is behind the cursor")
        void cutInsideTheCurrentEntry() {
            tree.store(10, 19, "a");
            tree.store(30, 39, "b");
            assertEquals("a", c.next());
            tree.store(15, 17, "n");
            assertEquals("b", c.next());
            assertEquals("a", c.previous());
            on(18, 19, "a");
            assertEquals("n", c.previous());
            assertEquals("a", c.previous());
            on(10, 14, "a");
        }

        @Test
        void snapshotCursorDoesNotNotice() {
            tree.store(10, 19, "a");
            tree.store(30, 39, "b");
            Cursor<String> old = tree.snapshot().cursor();
            assertEquals("a", old.next());
            tree.store(0, MAX, "n");
            assertEquals("b", old.next());
            assertNull(old.next());
            assertEquals("b", old.previous());
        }

        @Test
        void treeThatGrowsInHeightUnderTheCursor() {
            tree.store(0, 0, "first");
            assertEquals("first", c.next());
            for (int i = 1; i < 100_000; i++) {
                tree.store(2L * i, 2L * i, "x");
            }
            int n = 1;
            while (c.next() != null) {
                n++;
            }
            assertEquals(100_000, n);
        }
    }

    @Test
    @DisplayName("D.1 runs of reservations are passed over in both directions")
    void reservationsArePassedOver() {
        tree.store(0, 0, "a");
        for (int i = 1; i < 200; i++) {
            assertTrue(tree.reserve(i, i, "me"));
        }
        assertNull(c.find(1));
        tree.store(200, 200, "b");
        assertEquals("b", c.find(1));
        assertEquals("a", c.previous());
        assertEquals("b", c.next());
        assertEquals("a", c.findBackward(199));
        tree.eraseEntry(0);
        assertNull(c.findBackward(199));
        assertEquals("b", c.next());
        assertNull(c.previous());
    }

    @Test
    void walksOfEveryLengthMeetEveryEntryOnce() {
        List<String> expected = new ArrayList<>();
        for (int i = 0; i < 700; i++) {
            tree.store(3L * i, 3L * i + i % 3, "v" + i);
            expected.add("v" + i);
            if (i % 37 == 0 || i < 40) {
                List<String> seen = new ArrayList<>();
                Cursor<String> forward = tree.cursor();
                for (String v = forward.next(); v != null; v = forward.next()) {
                    seen.add(v);
                }
                assertEquals(expected, seen);
                Cursor<String> backward = tree.cursor();
                for (String v = backward.previous(); v != null; v = backward.previous()) {
                    assertEquals(seen.remove(seen.size() - 1), v);
                }
                assertTrue(seen.isEmpty());
            }
        }
    }
}
