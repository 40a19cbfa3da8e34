// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.testing.Share;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Historical bugs of Linux's maple tree, translated to this tree. */
class HistoricalBugsTest {

    private static final long MAX = -1L;

    /** The number of random stores at each end of a node. */
    private static final int STORES = Share.of("stores at the ends of nodes", 4).steps(4);

    /** Returns a tree with entries {@code i} at index {@code 2 * i}, each followed by a free index. */
    private static Draft combed(int entries) {
        Draft draft = new Draft();
        for (int i = 0; i < entries; i++) {
            draft.store(2L * i, 2L * i, i);
        }
        return draft;
    }

    private static void collect(Node n, int level, List<Long> ends) {
        for (int i = 0; i < n.size(); i++) {
            if (n.level == level) {
                ends.add(Node.flip(n.pivot(i)));
            } else if (n.level == 1) {
                @Nullable Object[] leaf = n.leaf(i);
                for (int k = 0; k < LeafNode.size(leaf); k++) {
                    ends.add(Node.flip(LeafNode.pivot(leaf, k)));
                }
            } else {
                collect(n.child(i), level, ends);
            }
        }
    }

    /** Stores in a copy of the tree, and checks that nothing outside the range changed. */
    private static void storeAndCheck(Draft draft, int entries, long first, long last, @Nullable Object value) {
        Node base = draft.root();
        draft.endEra();
        if (value == null) {
            draft.erase(first, last);
        } else {
            draft.store(first, last, value);
        }
        TreeCheck.validate(draft.root());
        for (int i = 0; i < entries; i++) {
            long index = 2L * i;
            boolean inside = Long.compareUnsigned(first, index) <= 0 && Long.compareUnsigned(index, last) <= 0;
            Object expected = inside ? value : Integer.valueOf(i);
            assertEquals(expected, Lookup.get(draft.root(), index));
            boolean oddInside =
                    Long.compareUnsigned(first, index + 1) <= 0 && Long.compareUnsigned(index + 1, last) <= 0;
            assertEquals(oddInside ? value : null, Lookup.get(draft.root(), index + 1));
        }
        draft.start(base, new Node.Era(false));
    }

    @Test
    @DisplayName("CVE-2024-50200: the right end is the last slot of its parent")
    void spanningStoreEndingAtLastSlotOfEachLevelChangesNothingOutside() {
        int entries = 700;
        Draft draft = combed(entries);
        assertTrue(draft.root().level >= 2);
        Random random = new Random(1);
        for (int level = 0; level <= draft.root().level; level++) {
            List<Long> ends = new ArrayList<>();
            collect(draft.root(), level, ends);
            for (long end : ends) {
                for (int n = 0; n < STORES; n++) {
                    long first = random.nextInt((int) Math.min(2L * entries, end >>> 1) + 1);
                    for (long last : new long[] {end - 1, end, end == MAX ? end : end + 1}) {
                        storeAndCheck(draft, entries, first, last, "n");
                        storeAndCheck(draft, entries, first, last, null);
                    }
                }
            }
        }
    }

    @Test
    @DisplayName("criu's bug: a store at the end of the tree leaves too little for one node")
    void spanningStoreAtTheEndOfTheTreeBorrowsFromTheLeft() {
        int entries = 300;
        Draft draft = combed(entries);
        for (int first = 0; first < 2 * entries; first++) {
            storeAndCheck(draft, entries, first, MAX, "n");
            storeAndCheck(draft, entries, first, MAX, null);
            storeAndCheck(draft, entries, 0, first, "n");
            storeAndCheck(draft, entries, 0, first, null);
        }
    }

    @Test
    void erasingFromEitherEndKeepsEveryHeightValid() {
        for (boolean fromTheRight : new boolean[] {true, false}) {
            Draft draft = combed(3000);
            for (int i = 0; i < 3000; i++) {
                int entry = fromTheRight ? 2999 - i : i;
                assertEquals(entry, draft.eraseEntry(2L * entry));
                TreeCheck.validate(draft.root());
            }
            assertTrue(draft.root().hasOneLeaf());
        }
    }

    @Test
    @DisplayName("StackRot: a node that a reader holds outlives its replacement")
    void heldNodesAreNotChangedByGrowthIntoTheGuard() {
        MapleTree<String> tree = new MapleTree<>();
        tree.store(0x1000, 0x1fff, "heap");
        tree.store(0x8000, 0x8fff, "stack");
        Snapshot<String> held = tree.snapshot();
        Cursor<String> walking = held.cursor();
        assertEquals("heap", walking.next());
        for (long first = 0x7000; first > 0x2000; first -= 0x1000) {
            tree.store(first, 0x8fff, "stack");
        }
        assertNull(held.get(0x7000));
        assertEquals("stack", walking.next());
        assertEquals(0x8000, walking.first());
        assertEquals("stack", tree.get(0x3000));
    }

    @Test
    @DisplayName("bugzilla 216911: a search from the top below the minimum")
    void searchFromTheTopStaysAboveTheMinimum() {
        MapleTree<String> tree = new MapleTree<>();
        tree.store(0x5000, 0x5fff, "x");
        GapSearch where = new GapSearch().size(0x1000);
        assertFalse(tree.storeHighest(where.within(0x4800, 0x5fff), "n"));
        assertFalse(tree.storeHighest(where.within(0x4001, 0x57ff), "n"));
        assertTrue(tree.storeHighest(where.within(0x4000, 0x57ff), "n"));
        assertEquals(0x4000, where.first());
    }

    @Test
    @DisplayName("MAP_32BIT: the answer is the size asked for, not the whole gap")
    void searchFromBelowAnswersWithExactlyTheSizeInTheWindow() {
        MapleTree<String> tree = new MapleTree<>();
        tree.store(0, 0x3fff_ffffL, "x");
        tree.store(0x9000_0000L, MAX, "x");
        GapSearch where = new GapSearch().size(0x1000).within(0x4000_0000L, 0x7fff_ffffL);
        assertTrue(tree.storeLowest(where, "n"));
        assertEquals(0x4000_0000L, where.first());
        assertEquals(0x4000_0fffL, where.last());
        assertTrue(tree.storeHighest(where, "n"));
        assertEquals(0x7fff_f000L, where.first());
        assertEquals(0x7fff_ffffL, where.last());
    }

    @Test
    @DisplayName("the free slot at the end of a node, and its own upper bound, in a search from the top")
    void freeSlotAtTheEndOfEachNodeIsFoundFromTheTop() {
        int entries = 700;
        Draft draft = combed(entries);
        GapSearch where = new GapSearch();
        for (int i = entries - 1; i >= 0; i--) {
            assertTrue(where.within(0, 2L * i + 1).search(draft.root(), false));
            assertEquals(2L * i + 1, where.first());
            assertTrue(where.within(2L * i, MAX).search(draft.root(), true));
            assertEquals(2L * i + 1, where.first());
        }
    }

    @Test
    @DisplayName("a refused erase must not leave its widened range to the next one")
    void refusedEraseDoesNotWidenTheNext() {
        MapleTree<String> tree = new MapleTree<>();
        tree.store(10, 19, "a");
        tree.store(20, 29, "b");
        assertTrue(tree.reserve(30, 39, "me"));
        assertThrows(ReservedException.class, () -> tree.erase(10, 39));
        assertThrows(ReservedException.class, () -> tree.erase(20, 30));
        tree.erase(20, 20);
        assertEquals(List.of(new RangeEntry<>(10, 19, "a"), new RangeEntry<>(21, 29, "b")), tree.entries());
        tree.validate();
    }

    @Test
    @DisplayName("cyclic allocator: a search that failed must not spoil the one that wraps")
    void searchIsUsableAgainAfterItFoundNothing() {
        MapleTree<String> tree = new MapleTree<>();
        tree.store(50, 99, "x");
        GapSearch where = new GapSearch().within(50, 99);
        assertFalse(tree.storeLowest(where, "n"));
        assertTrue(tree.storeLowest(where.within(0, 49), "n"));
        assertEquals(0, where.first());
        assertFalse(tree.storeLowest(where.within(50, 99), "n"));
        assertFalse(where.found());
    }

    @Test
    @DisplayName("the root is replaced while a reader is at it")
    void readerAtAReplacedRootSeesOneTreeOrTheOther() {
        MapleTree<String> tree = new MapleTree<>();
        Cursor<String> cursor = tree.cursor();
        for (int i = 0; i < 200; i++) {
            tree.store(0, MAX, "all" + i);
            assertEquals("all" + i, cursor.find(Long.MIN_VALUE));
            tree.erase(0, MAX);
            assertNull(cursor.find(0));
            tree.store(0, 0, "zero");
            assertEquals("zero", cursor.findBackward(MAX));
            tree.eraseEntry(0);
        }
    }

    @Test
    @DisplayName("state of one store must not reach into the next")
    void editAfterARefusedOneIsAsIfThatHadNotBeen() {
        int entries = 100;
        MapleTree<Object> tree = new MapleTree<>();
        MapleTree<Object> same = new MapleTree<>();
        for (int i = 0; i < entries; i++) {
            tree.store(2L * i, 2L * i, i);
            same.store(2L * i, 2L * i, i);
        }
        assertTrue(tree.reserve(121, 121, "me"));
        assertTrue(same.reserve(121, 121, "me"));
        for (int i = 0; i < entries; i += 7) {
            long last = 2L * i;
            assertThrows(ReservedException.class, () -> tree.store(Math.min(last, 121), Math.max(last, 121), "n"));
            assertFalse(tree.insert(last, last + 9, "n"));
            tree.store(last, last, "s");
            same.store(last, last, "s");
            assertEquals(same.dump(), tree.dump());
        }
    }
}
