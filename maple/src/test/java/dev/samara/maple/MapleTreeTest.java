// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("A, B.1, C: lookups and edits, call by call")
class MapleTreeTest {
    private static final long MAX = -1L;

    private final MapleTree<String> tree = new MapleTree<>();

    @AfterEach
    void validate() {
        tree.validate();
    }

    @Test
    void emptyTreeHasNothing() {
        for (long index : new long[] {0, 1, Long.MAX_VALUE, Long.MIN_VALUE, MAX}) {
            assertNull(tree.get(index));
            assertNull(tree.reservationAt(index));
        }
        assertTrue(tree.isEmpty());
        assertTrue(tree.isFree(0, MAX));
        assertEquals(List.of(), tree.entries());
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, Long.MAX_VALUE, Long.MIN_VALUE, -2L, -1L})
    @DisplayName("C.1 a single index, at each corner of the index space")
    void storeOfOneIndexTouchesNoOther(long index) {
        tree.store(index, index, "x");
        for (long other : new long[] {0, 1, 2, Long.MAX_VALUE - 1, Long.MAX_VALUE, Long.MIN_VALUE, -3L, -2L, -1L}) {
            assertEquals(other == index ? "x" : null, tree.get(other));
        }
        assertEquals(List.of(new RangeEntry<>(index, index, "x")), tree.entries());
        assertEquals("x", tree.eraseEntry(index));
        assertTrue(tree.isFree(0, MAX));
    }

    @Test
    void rangeAcrossTheSignBitIsOneRange() {
        tree.store(Long.MAX_VALUE - 1, Long.MIN_VALUE + 1, "x");
        assertEquals("x", tree.get(Long.MAX_VALUE));
        assertEquals("x", tree.get(Long.MIN_VALUE));
        assertNull(tree.get(Long.MAX_VALUE - 2));
        assertNull(tree.get(Long.MIN_VALUE + 2));
        tree.erase(Long.MIN_VALUE, Long.MIN_VALUE);
        assertEquals(
                List.of(
                        new RangeEntry<>(Long.MAX_VALUE - 1, Long.MAX_VALUE, "x"),
                        new RangeEntry<>(Long.MIN_VALUE + 1, Long.MIN_VALUE + 1, "x")),
                tree.entries());
    }

    @Test
    void wholeIndexSpaceIsARange() {
        tree.store(0, MAX, "all");
        assertEquals(List.of(new RangeEntry<>(0, MAX, "all")), tree.entries());
        assertFalse(tree.insert(5, 5, "x"));
        tree.store(Long.MIN_VALUE, Long.MIN_VALUE, "cut");
        assertEquals(3, tree.entries().size());
        tree.store(0, MAX, "again");
        assertEquals(List.of(new RangeEntry<>(0, MAX, "again")), tree.entries());
        assertEquals("again", tree.eraseEntry(77));
        assertTrue(tree.isEmpty());
        assertTrue(tree.insert(0, MAX, "once more"));
    }

    @Test
    @DisplayName("C.1 every way to lie across three entries and two holes")
    void editsChangeTheirRangeAndNothingElse() {
        for (int first = 0; first < 16; first++) {
            for (int last = first; last < 16; last++) {
                for (boolean store : new boolean[] {true, false}) {
                    MapleTree<String> t = new MapleTree<>();
                    @Nullable String[] expected = new @Nullable String[16];
                    t.store(2, 5, "a");
                    t.store(6, 9, "b");
                    t.store(11, 13, "c");
                    Arrays.fill(expected, 2, 6, "a");
                    Arrays.fill(expected, 6, 10, "b");
                    Arrays.fill(expected, 11, 14, "c");
                    if (store) {
                        t.store(first, last, "n");
                    } else {
                        t.erase(first, last);
                    }
                    Arrays.fill(expected, first, last + 1, store ? "n" : null);
                    for (int i = 0; i < 16; i++) {
                        assertEquals(expected[i], t.get(i), first + ".." + last + " at " + i);
                    }
                    t.validate();
                }
            }
        }
    }

    @Test
    void neighboursOfEqualValueStayTwoEntries() {
        tree.store(0, 4, "x");
        tree.store(5, 9, "x");
        assertEquals(List.of(new RangeEntry<>(0, 4, "x"), new RangeEntry<>(5, 9, "x")), tree.entries());
    }

    @Test
    void storeOfTheSameRangeAndValueChangesNothing() {
        tree.store(3, 7, "x");
        String before = tree.dump();
        tree.store(3, 7, "x");
        assertEquals(before, tree.dump());
    }

    @Test
    @DisplayName("C.2 insert needs the whole range free")
    void insertDoesNotStoreOverAnything() {
        tree.store(10, 19, "a");
        assertFalse(tree.insert(0, 10, "b"));
        assertFalse(tree.insert(19, 25, "b"));
        assertFalse(tree.insert(12, 13, "b"));
        assertFalse(tree.insert(0, 30, "b"));
        assertTrue(tree.insert(0, 9, "b"));
        assertTrue(tree.insert(20, MAX, "c"));
        assertFalse(tree.isFree(0, 0));
        assertEquals(3, tree.entries().size());
    }

    @Test
    void eraseOfAnIndexFreesItsWholeEntry() {
        tree.store(10, 19, "a");
        tree.store(20, 29, "b");
        assertEquals("a", tree.eraseEntry(15));
        assertNull(tree.eraseEntry(15));
        assertEquals(List.of(new RangeEntry<>(20, 29, "b")), tree.entries());
        assertTrue(tree.isFree(0, 19));
    }

    @Test
    @DisplayName("C.5 free ranges side by side are one")
    void erasedRangesJoin() {
        for (int i = 0; i < 100; i++) {
            tree.store(i, i, "x");
        }
        for (int i = 0; i < 100; i += 2) {
            tree.erase(i, i);
        }
        for (int i = 99; i > 0; i -= 2) {
            tree.erase(i, i);
            assertTrue(tree.isFree(i - 1, MAX));
        }
        assertTrue(tree.isFree(0, MAX));
    }

    @Test
    void eraseOfWhatIsFreePublishesNothing() {
        tree.store(10, 19, "a");
        String before = tree.dump();
        tree.erase(0, 9);
        tree.erase(25, 30);
        tree.erase(20, MAX);
        assertEquals(before, tree.dump());
    }

    @Test
    @DisplayName("B.1 forEach is of one instant, also if the action edits the tree")
    void forEachGoesByTheTreeAsItWasWhenCalled() {
        tree.store(0, 4, "a");
        tree.store(5, 9, "b");
        List<String> seen = new ArrayList<>();
        tree.forEach((first, last, value) -> {
            seen.add(first + "-" + last + value);
            tree.store(0, 100, "z");
        });
        assertEquals(List.of("0-4a", "5-9b"), seen);
        assertThrows(
                ArithmeticException.class,
                () -> tree.forEach((first, last, value) -> {
                    throw new ArithmeticException();
                }));
    }

    @Test
    void entriesCannotBeChanged() {
        tree.store(0, 4, "a");
        List<RangeEntry<String>> entries = tree.entries();
        assertThrows(UnsupportedOperationException.class, () -> entries.remove(0));
    }

    @Test
    void treeOfReservationsOnlyIsEmptyAndNotFree() {
        tree.reserve(3, 5, "me");
        assertTrue(tree.isEmpty());
        assertFalse(tree.isFree(5, 5));
        tree.store(9, 9, "x");
        assertFalse(tree.isEmpty());
    }

    @Test
    void heightFollowsTheNumberOfEntries() {
        for (int i = 0; i < 5000; i++) {
            tree.store(2L * i, 2L * i, "x");
        }
        assertTrue(height() >= 3);
        tree.validate();
        for (int i = 0; i < 5000; i++) {
            assertEquals("x", tree.eraseEntry(2L * (i * 2999L % 5000)));
        }
        assertEquals(1, height());
        assertTrue(tree.isFree(0, MAX));
    }

    private int height() {
        int[] level = {0};
        tree.update(t -> level[0] = t.root().level);
        return level[0];
    }

    @Test
    @DisplayName("a search passes over leaves of reservations to a leaf of narrow slots far away")
    void searchAcrossLeavesOfOtherWidths() {
        MapleTree<String> high = new MapleTree<>(new ReentrantLock(), TwoLeaves.above("above"));
        long width = 1L << 20;
        long start = 1L << 40;
        // Together they span more granules than a lane can represent.
        int reservations = 400;
        for (int i = 0; i < reservations; i++) {
            high.reserve(start + i * width, start + (i + 1) * width - 1, "owner");
        }
        long narrow = start + reservations * width;
        for (int i = 0; i < 200; i++) {
            high.store(narrow + (i << 12), narrow + (i << 12) + 0xfff, "narrow " + i);
        }
        Snapshot<String> snapshot = high.snapshot();
        for (long index = start; index < narrow; index += width + 0x3000) {
            assertEquals("narrow 0", snapshot.atOrAfter(index));
            assertEquals("narrow 0", high.atOrAfter(index));
            assertEquals("above", snapshot.atOrBefore(index));
        }
        assertEquals("narrow 199", snapshot.atOrBefore(-1L));
    }

    @Test
    @DisplayName("a leaf of wide slots gets halves for an end between granules, also within a transaction")
    void leafGetsAnotherForm() {
        MapleTree<String> high = new MapleTree<>(new ReentrantLock(), TwoLeaves.above("above"));
        long width = 1L << 20;
        long start = 1L << 40;
        for (int i = 0; i < 200; i++) {
            high.store(start + i * width, start + (i + 1) * width - 1, "wide " + i);
        }
        for (int i = 0; i < 200; i++) {
            long at = start + i * width;
            high.update(t -> {
                // After the first edit, the transaction owns the nodes above the leaf.
                t.store(at + 0x1_0000, at + 0x1_ffff, "at granules");
                // The ends are odd, so only the form changes.
                t.store(at + 0x4_0002, at + 0x4_0005, "between");
                TreeCheck.validate(t.root());
                assertEquals("between", t.get(at + 0x4_0003));
                t.abort();
            });
            high.store(at + 0x4_0002, at + 0x4_0005, "between");
            high.validate();
            assertEquals("between", high.get(at + 0x4_0002));
            assertEquals("wide " + i, high.get(at + 0x4_0001));
            assertEquals("wide " + i, high.get(at + width - 1));
        }
    }

    @Test
    void dumpShowsEveryKindOfSlot() {
        for (int i = 0; i < 40; i++) {
            tree.store(2L * i, 2L * i, "v" + i);
        }
        tree.reserve(0x100, 0x1ff, "me");
        String dump = tree.dump();
        assertTrue(dump.contains("[78, 78] v39"));
        assertTrue(dump.contains("[256, 511] reserved by me"));
        assertTrue(dump.contains("[512, 0xffffffffffffffff] free"));
        assertTrue(dump.contains(" gap 0x"));
    }

    @Test
    @DisplayName("indexes below 65,536 are shown in decimal, others in hexadecimal")
    void texts() {
        assertEquals("[540, 599]=Ada", new RangeEntry<>(540, 599, "Ada").toString());
        assertEquals("[65535, 0x10000]", new IndexRange(65_535, 65_536).toString());
        assertEquals("[16, 0xffffffffffffffff]=x", new RangeEntry<>(16, MAX, "x").toString());
        assertEquals("", refusal(() -> new RangeEntry<>(MAX, 16, "x"), "first 0xffffffffffffffff", "last 16"));
    }

    @Test
    @DisplayName("a tree and a snapshot show their first 64 entries; the tree does not wait for the writer lock")
    void firstEntriesAreShown() {
        assertEquals("{}", tree.toString());
        tree.store(540, 599, "Ada");
        tree.store(600, 659, "Alan");
        tree.reserve(700, 709, "me");
        assertEquals("{[540, 599]=Ada, [600, 659]=Alan}", tree.toString());
        assertEquals(tree.toString(), tree.snapshot().toString());
        for (int i = 0; i < 62; i++) {
            tree.store(1000 + i, 1000 + i, "v");
        }
        tree.writerLock().lock();
        try {
            String text = CompletableFuture.supplyAsync(tree::toString)
                    .orTimeout(60, TimeUnit.SECONDS)
                    .join();
            assertTrue(text.endsWith("[1060, 1060]=v, [1061, 1061]=v}"), text);
        } finally {
            tree.writerLock().unlock();
        }
        tree.store(2000, 2000, "v");
        assertTrue(tree.toString().endsWith("[1061, 1061]=v, ...}"), tree::toString);
        assertEquals(tree.toString(), tree.snapshot().toString());
        assertTrue(tree.snapshot().entries().toString().endsWith("[2000, 2000]=v]"));
    }

    private static String refusal(Executable call, String... parts) {
        String message = String.valueOf(
                assertThrows(IllegalArgumentException.class, call).getMessage());
        for (String part : parts) {
            assertTrue(message.contains(part), message);
        }
        return "";
    }

    @Test
    @DisplayName("C.4 bad ranges are refused, named, and change nothing")
    void reversedRangesAreRefused() {
        List<Executable> calls = List.of(
                () -> tree.store(MAX, 1, "x"),
                () -> tree.store(MAX, 1, "x", "me"),
                () -> tree.insert(MAX, 1, "x"),
                () -> tree.erase(MAX, 1),
                () -> tree.erase(MAX, 1, "me"),
                () -> tree.reserve(MAX, 1, "me"),
                () -> tree.isFree(MAX, 1),
                () -> tree.update(t -> t.store(MAX, 1, "x")),
                () -> tree.update(t -> t.replaceByReservation(MAX, 1, "me")),
                () -> tree.update(t -> t.isFree(MAX, 1)));
        for (Executable call : calls) {
            refusal(call, "first 0xffffffffffffffff", "last 1", "must not be above");
        }
        assertTrue(tree.isFree(0, MAX));
        assertFalse(tree.writerLock().isLocked());
    }

    @Test
    @SuppressWarnings("NullAway") // the tested case
    @DisplayName("C.4 nulls are refused, named, and change nothing")
    void nullsAreRefused() {
        GapSearch where = new GapSearch();
        nullRefused("value", () -> tree.store(0, 1, null));
        nullRefused("value", () -> tree.store(0, 1, null, "me"));
        nullRefused("owner", () -> tree.store(0, 1, "x", null));
        nullRefused("value", () -> tree.insert(0, 1, null));
        nullRefused("owner", () -> tree.erase(0, 1, null));
        nullRefused("owner", () -> tree.reserve(0, 1, null));
        nullRefused("owner", () -> tree.update(t -> t.replaceByReservation(0, 1, null)));
        nullRefused("value", () -> tree.storeLowest(where, null));
        nullRefused("value", () -> tree.storeHighest(where, null));
        nullRefused("owner", () -> tree.reserveLowest(where, null));
        nullRefused("owner", () -> tree.reserveHighest(where, null));
        nullRefused("where", () -> tree.storeLowest(null, "x"));
        nullRefused("where", () -> tree.storeHighest(null, "x"));
        nullRefused("where", () -> tree.reserveLowest(null, "me"));
        nullRefused("where", () -> tree.reserveHighest(null, "me"));
        nullRefused("where", () -> tree.update(t -> t.findLowest(null)));
        nullRefused("where", () -> tree.update(t -> t.findHighest(null)));
        nullRefused("action", () -> tree.forEach(null));
        nullRefused("body", () -> tree.update(null));
        nullRefused("writerLock", () -> new MapleTree<>(null));
        nullRefused("value", () -> new RangeEntry<>(0, 1, null));
        assertTrue(tree.isFree(0, MAX));
        assertFalse(tree.writerLock().isLocked());
    }

    private static void nullRefused(String name, Executable call) {
        assertEquals(name, assertThrows(NullPointerException.class, call).getMessage());
    }
}
