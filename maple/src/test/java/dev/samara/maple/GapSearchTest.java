// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.BitSet;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("C.3: gap searches")
class GapSearchTest {

    private static final long MAX = -1L;

    private final MapleTree<String> tree = new MapleTree<>();

    private String lowest(GapSearch where) {
        return tree.storeLowest(where, "new") ? IndexRange.text(where.first(), where.last()) : "none";
    }

    private String highest(GapSearch where) {
        return tree.storeHighest(where, "new") ? IndexRange.text(where.first(), where.last()) : "none";
    }

    /** Searches a gap like the tree's methods, but stores nothing. */
    private static String look(MapleTree<String> tree, GapSearch where, boolean lowest) {
        String[] answer = {""};
        tree.update(t -> {
            boolean found = lowest ? t.findLowest(where) : t.findHighest(where);
            answer[0] = found ? IndexRange.text(where.first(), where.last()) : "none";
        });
        return answer[0];
    }

    @Test
    void emptyTreeIsOneGap() {
        assertEquals("[0, 0]", lowest(new GapSearch()));
        assertEquals("[0xffffffffffffffff, 0xffffffffffffffff]", highest(new GapSearch()));
        MapleTree<String> empty = new MapleTree<>();
        assertEquals("[0, 0xfffffffffffffffe]", look(empty, new GapSearch().size(MAX), true));
        assertEquals("[1, 0xffffffffffffffff]", look(empty, new GapSearch().size(MAX), false));
        assertEquals("none", look(empty, new GapSearch().size(MAX).within(1, MAX - 1), false));
        assertEquals("[5, 8]", look(empty, new GapSearch().size(4).within(5, 8), true));
        assertEquals("[5, 8]", look(empty, new GapSearch().size(4).within(5, 8), false));
    }

    @Test
    void fullTreeHasNoGap() {
        tree.store(0, MAX, "x");
        assertEquals("none", lowest(new GapSearch()));
        assertEquals("none", highest(new GapSearch()));
    }

    @Test
    @DisplayName("C.3 the size of the whole space less one is a gap like any other")
    void largestPossibleGapBesideOneEntry() {
        tree.store(0, 0, "x");
        assertEquals("[1, 0xffffffffffffffff]", look(tree, new GapSearch().size(MAX), true));
        assertEquals("none", look(tree, new GapSearch().size(MAX).guarded(1, 0), true));
        assertEquals(
                "[1, 0xffffffffffffffff]", look(tree, new GapSearch().size(MAX).guarded(0, MAX), false));
        assertEquals("none", look(tree, new GapSearch().size(2).guarded(MAX, MAX), false));
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 100, Long.MAX_VALUE - 8, Long.MIN_VALUE - 3, -17L})
    @DisplayName("C.3 off by one: every gap, window and size, at five places of the index space")
    void matrixOfGapWindowAndSize(long base) {
        int width = 9;
        for (int gapFirst = 0; gapFirst < width; gapFirst++) {
            for (int gapLast = gapFirst; gapLast < width; gapLast++) {
                MapleTree<String> t = new MapleTree<>();
                t.store(0, MAX, "x");
                t.erase(base + gapFirst, base + gapLast);
                for (int min = 0; min < width; min++) {
                    for (int max = min; max < width; max++) {
                        for (int size = 1; size <= width + 1; size++) {
                            int from = Math.max(min, gapFirst);
                            int to = Math.min(max, gapLast);
                            boolean fits = to - from + 1 >= size;
                            GapSearch where = new GapSearch().size(size).within(base + min, base + max);
                            String low = fits ? IndexRange.text(base + from, base + from + size - 1) : "none";
                            String high = fits ? IndexRange.text(base + to - size + 1, base + to) : "none";
                            assertEquals(low, look(t, where, true), where::toString);
                            assertEquals(high, look(t, where, false), where::toString);
                        }
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1000, -48L})
    @DisplayName("C.3 alignment and guards, against a search index by index")
    void alignmentAndGuards(long base) {
        int width = 48;
        BitSet used = new BitSet();
        MapleTree<String> t = new MapleTree<>();
        t.store(0, MAX, "x");
        t.erase(base, base + width - 1);
        for (int i : new int[] {3, 4, 9, 17, 18, 30, 44}) {
            t.store(base + i, base + i, "x");
            used.set(i);
        }
        for (int alignment = 1; alignment < 9; alignment++) {
            for (int offset = 0; offset < alignment; offset++) {
                for (int guard = 0; guard < 16; guard++) {
                    int before = guard % 4;
                    int after = guard / 4;
                    for (int size = 1; size < 14; size++) {
                        GapSearch where = new GapSearch()
                                .size(size)
                                .within(base, base + width - 2)
                                .aligned(alignment, offset)
                                .guarded(before, after);
                        int low = -1;
                        int high = -1;
                        for (int i = 0; i + size <= width - 1; i++) {
                            int from = base == 0 ? Math.max(0, i - before) : i - before;
                            int to = base == -48 ? Math.min(width, i + size + after) : i + size + after;
                            boolean free = from >= 0
                                    && to <= width
                                    && used.get(from, to).isEmpty();
                            if (free && Long.remainderUnsigned(base + i, alignment) == offset) {
                                low = low < 0 ? i : low;
                                high = i;
                            }
                        }
                        String wantLow = low < 0 ? "none" : IndexRange.text(base + low, base + low + size - 1);
                        String wantHigh = high < 0 ? "none" : IndexRange.text(base + high, base + high + size - 1);
                        assertEquals(wantLow, look(t, where, true), where::toString);
                        assertEquals(wantHigh, look(t, where, false), where::toString);
                    }
                }
            }
        }
    }

    @Test
    void alignmentNeedNotBeAPowerOfTwoNorSmall() {
        assertEquals("[7, 7]", lowest(new GapSearch().within(1, MAX).aligned(10, 7)));
        long huge = 0x8000_0000_0000_0001L;
        assertEquals(
                "[0x8000000000000006, 0x8000000000000006]",
                look(tree, new GapSearch().within(6, MAX).aligned(huge, 5), true));
        assertEquals(
                "none",
                look(tree, new GapSearch().within(6, MAX).aligned(huge, huge - 1), true)
                        .replace(IndexRange.text(huge - 1, huge - 1), "none"));
        assertEquals("none", look(tree, new GapSearch().within(huge + 6, MAX).aligned(huge, 5), false));
        assertEquals(
                "[0xfffffffffffffffe, 0xfffffffffffffffe]", look(tree, new GapSearch().aligned(MAX, MAX - 1), false));
    }

    @Test
    @DisplayName("C.3 guards are cut off at the ends of the index space, and only there")
    void guardsAtTheEnds() {
        assertEquals("[0, 0]", look(tree, new GapSearch().guarded(100, 100), true));
        assertEquals("[0xffffffffffffffff, 0xffffffffffffffff]", look(tree, new GapSearch().guarded(100, 100), false));
        tree.store(0x50, 0x50, "x");
        assertEquals("[0, 75]", look(tree, new GapSearch().size(0x4c).guarded(100, 4), true));
        assertEquals("[85, 160]", look(tree, new GapSearch().size(0x4c).guarded(4, 5), true));
        assertEquals("[81, 81]", look(tree, new GapSearch().within(0x50, 0x52).guarded(0, 9), true));
        assertEquals("none", look(tree, new GapSearch().within(0x50, 0x52).guarded(3, 0), true));
    }

    @Test
    @DisplayName("C.3 in a tree of several levels, too: a gap at an end needs no place for the guard that is cut off")
    void guardsAtTheEndsOfALargeTree() {
        for (long i = 100; i < 2100; i += 2) {
            tree.store(i, i, "x");
        }
        tree.store(2100, MAX - 100, "x");
        assertEquals("[0, 99]", look(tree, new GapSearch().size(100).guarded(7, 0), true));
        assertEquals("[0, 99]", look(tree, new GapSearch().size(100).guarded(7, 0), false));
        String top = IndexRange.text(MAX - 99, MAX);
        assertEquals(top, look(tree, new GapSearch().size(100).guarded(0, 7), true));
        assertEquals(top, look(tree, new GapSearch().size(100).guarded(0, 7), false));
        assertEquals("none", look(tree, new GapSearch().size(100).guarded(1, 1), true));
    }

    @Test
    @DisplayName("C.3 guards may lie outside of the window, but must be free")
    void guardsOutsideTheWindow() {
        tree.store(10, 10, "x");
        tree.store(20, 20, "x");
        assertEquals(
                "[13, 17]", look(tree, new GapSearch().size(5).within(13, 17).guarded(2, 2), true));
        assertEquals("none", look(tree, new GapSearch().size(5).within(13, 17).guarded(3, 2), true));
        assertEquals("none", look(tree, new GapSearch().size(5).within(13, 17).guarded(2, 3), true));
    }

    @Test
    void largeTreeIsSearchedToTheEnd() {
        for (int i = 0; i < 3000; i++) {
            tree.store(4L * i, 4L * i + 2, "x");
        }
        tree.erase(4 * 1500, 4 * 1500 + 2);
        GapSearch five = new GapSearch().size(5).within(0, 11_999);
        assertEquals("[5999, 6003]", look(tree, five, true));
        assertEquals("[5999, 6003]", look(tree, five, false));
        assertEquals("none", look(tree, new GapSearch().size(6).within(0, 11_999), true));
        assertEquals("none", look(tree, new GapSearch().size(6).within(0, 11_999), false));
        assertEquals("none", look(tree, new GapSearch().size(-5L).guarded(9, 9), true));
        assertEquals("[11999, 12004]", look(tree, new GapSearch().size(6).within(0, 12_004), false));
    }

    @Test
    void requestAndAnswerAreReadable() {
        GapSearch where =
                new GapSearch().size(16).within(0x100, 0x1ff).aligned(16, 1).guarded(2, 3);
        String request = "size 16 within [256, 511] aligned 16+1 guarded 2, 3: ";
        assertEquals(request + "none", where.toString());
        assertTrue(tree.storeLowest(where, "x"));
        assertEquals(request + "[257, 272]", where.toString());
    }

    @Test
    void answerIsRefusedWhereThereIsNone() {
        GapSearch where = new GapSearch();
        assertFalse(where.found());
        assertThrows(IllegalStateException.class, where::first);
        assertThrows(IllegalStateException.class, where::last);
        assertTrue(tree.storeLowest(where, "x"));
        assertTrue(where.found());
        tree.store(0, MAX, "x");
        assertFalse(tree.storeLowest(where, "x"));
        assertFalse(where.found());
        assertThrows(IllegalStateException.class, where::first);
    }

    private static void refused(String message, Runnable call) {
        assertEquals(
                message, assertThrows(IllegalArgumentException.class, call::run).getMessage());
    }

    @Test
    @DisplayName("C.4 bad requests are refused, and the request stays as it was")
    void badRequestsAreRefused() {
        GapSearch where = new GapSearch();
        String before = where.toString();
        refused("size must not be 0", () -> where.size(0));
        refused("min 0xffffffffffffffff must not be above max 0", () -> where.within(MAX, 0));
        refused("alignment must not be 0", () -> where.aligned(0, 0));
        refused("offset 16 must be below alignment 16", () -> where.aligned(16, 16));
        refused("offset 0xffffffffffffffff must be below alignment 16", () -> where.aligned(16, MAX));
        assertEquals(before, where.toString());
    }

    @Test
    @DisplayName("D.2 reserveLowest and reserveHighest take the range that they find")
    void reservingSearches() {
        GapSearch where = new GapSearch().size(16);
        assertTrue(tree.reserveLowest(where, "me"));
        assertEquals(new RangeEntry<Object>(0, 15, "me"), tree.reservationAt(3));
        assertTrue(tree.reserveHighest(where, "me"));
        assertEquals(new RangeEntry<Object>(-16L, MAX, "me"), tree.reservationAt(-3L));
        assertTrue(tree.isEmpty());
        tree.validate();
    }
}
