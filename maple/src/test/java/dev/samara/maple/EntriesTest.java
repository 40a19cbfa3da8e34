// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.Spliterator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Entries with their bounds")
class EntriesTest {

    private final MapleTree<String> tree = new MapleTree<>();

    private void fill(int entries) {
        for (int i = 0; i < entries; i++) {
            tree.store(10L * i + 2, 10L * i + 5, "v" + i);
        }
    }

    @Test
    @DisplayName("first and last are found, also where reservations fill whole leaves at the ends")
    void ends() {
        assertNull(tree.firstEntry());
        assertNull(tree.lastEntry());
        assertNull(tree.entryAt(0));
        fill(100);
        assertEquals(new RangeEntry<>(2, 5, "v0"), tree.firstEntry());
        assertEquals(new RangeEntry<>(992, 995, "v99"), tree.lastEntry());
        for (int i = 0; i < 40; i++) {
            tree.erase(10L * i, 10L * i + 9);
            tree.reserve(10L * i + 2, 10L * i + 5, "me");
            tree.erase(10L * (99 - i), 10L * (99 - i) + 9);
            tree.reserve(10L * (99 - i) + 2, 10L * (99 - i) + 5, "me");
        }
        assertEquals(new RangeEntry<>(402, 405, "v40"), tree.firstEntry());
        assertEquals(new RangeEntry<>(592, 595, "v59"), tree.lastEntry());
        assertNull(tree.entryAt(3), "a reservation is absent");
        tree.erase(400, 600);
        assertNull(tree.firstEntry());
        assertNull(tree.lastEntry());
    }

    @Test
    @DisplayName("first and last have their own bounds, also alone at the start of a leaf")
    void endsOfLeaves() {
        for (int i = 0; i < 200; i++) {
            tree.store(10L * i, 10L * i + 9, "v" + i);
        }
        for (int i = 0; i < 100; i++) {
            assertEquals(new RangeEntry<>(10L * i, 10L * i + 9, "v" + i), tree.firstEntry());
            assertEquals(new RangeEntry<>(1990 - 10L * i, 1999 - 10L * i, "v" + (199 - i)), tree.lastEntry());
            tree.erase(10L * i, 10L * i + 9);
            tree.eraseEntry(1995 - 10L * i);
        }
        assertNull(tree.lastEntry());
    }

    @Test
    @DisplayName("gaps of a range are cut at its ends, and none is empty")
    void gaps() {
        fill(3);
        assertEquals("[[0, 1], [6, 11], [16, 21], [26, 0xffffffffffffffff]]", "" + tree.gaps(0, -1L));
        assertEquals("[[7, 10]]", "" + tree.gaps(7, 10));
        assertEquals(List.of(), tree.gaps(3, 4));
        assertEquals(List.of(), tree.gaps(2, 5));
        assertEquals("[[1, 1]]", "" + tree.gaps(1, 5));
        assertEquals("[[6, 6]]", "" + tree.gaps(2, 6));
        tree.store(0, -1L, "all");
        assertEquals(List.of(), tree.gaps(0, -1L));
    }

    @Test
    @DisplayName("entries of a range are whole, and lists cannot be changed")
    void parts() {
        fill(3);
        assertEquals("[[2, 5]=v0, [12, 15]=v1]", "" + tree.entries(5, 12));
        List<String> backward = new ArrayList<>();
        tree.forEachDescending(5, 22, (first, last, value) -> backward.add(value));
        assertEquals(List.of("v2", "v1", "v0"), backward);
        assertEquals("[[12, 15]=v1, [2, 5]=v0]", "" + tree.entriesDescending(5, 12));
        assertEquals(List.of(), tree.entriesDescending(6, 11));
        assertThrows(
                UnsupportedOperationException.class, () -> tree.entries(0, 9).clear());
        assertThrows(UnsupportedOperationException.class, () -> tree.gaps(0, 9).clear());
        assertThrows(
                UnsupportedOperationException.class,
                () -> tree.entriesDescending(0, 12).clear());
        assertThrows(IllegalArgumentException.class, () -> tree.entriesDescending(9, 0));
        tree.update(transaction -> {
            transaction.eraseEntry(2);
            assertEquals("[[12, 15]=v1]", "" + transaction.entriesDescending(0, 12));
        });
    }

    @Test
    @DisplayName("an action that changes the tree gets the entries of before")
    void changesBetween() {
        fill(200);
        List<String> seen = new ArrayList<>();
        tree.forEach(0, 2000, (first, last, value) -> {
            tree.erase(0, -1L);
            seen.add(value);
        });
        assertEquals(200, seen.size());
        fill(200);
        tree.update(t -> t.forEachDescending(0, 2000, (first, last, value) -> {
            t.erase(0, -1L);
            seen.add(value);
        }));
        assertEquals(400, seen.size());
    }

    @Test
    @DisplayName("a spliterator is sorted, distinct and immutable, and its parts are all entries, once, in order")
    void spliterator() {
        fill(1000);
        Snapshot<String> snapshot = tree.snapshot();
        Spliterator<RangeEntry<String>> all = snapshot.spliterator();
        assertTrue(all.hasCharacteristics(
                Spliterator.SORTED | Spliterator.DISTINCT | Spliterator.IMMUTABLE | Spliterator.NONNULL));
        Comparator<? super RangeEntry<String>> order = Objects.requireNonNull(all.getComparator());
        assertTrue(order.compare(new RangeEntry<>(1, 1, "a"), new RangeEntry<>(-1L, -1L, "a")) < 0);
        List<RangeEntry<String>> found = new ArrayList<>();
        assertTrue(all.tryAdvance(found::add));
        assertTrue(collect(all, found) > 20);
        assertEquals(snapshot.entries(), found);
        assertEquals(0, all.estimateSize());
        assertNull(all.trySplit());
    }

    /** Splits as often as possible, and consumes each part. Returns the number of parts. */
    private static int collect(Spliterator<RangeEntry<String>> part, List<RangeEntry<String>> found) {
        Spliterator<RangeEntry<String>> lower = part.trySplit();
        if (lower == null) {
            if (part.tryAdvance(found::add)) {
                part.forEachRemaining(found::add);
            }
            assertTrue(!part.tryAdvance(entry -> {}));
            return 1;
        }
        return collect(lower, found) + collect(part, found);
    }

    @Test
    @DisplayName("a part of a spliterator has its own entries only, also among reservations")
    void partsAmongReservations() {
        for (int i = 0; i < 2000; i++) {
            tree.reserve(10L * i + 6, 10L * i + 7, "me");
        }
        tree.store(3, 3, "low");
        tree.store(19_993, 19_993, "high");
        Snapshot<String> snapshot = tree.snapshot();
        List<RangeEntry<String>> found = new ArrayList<>();
        collect(snapshot.spliterator(), found);
        assertEquals(snapshot.entries(), found);
    }

    @Test
    @DisplayName("an iterator ends with an exception, and does not remove")
    void iterator() {
        fill(1);
        var each = tree.snapshot().iterator();
        assertEquals("v0", each.next().value());
        assertThrows(NoSuchElementException.class, each::next);
        assertThrows(UnsupportedOperationException.class, each::remove);
    }

    @Test
    @DisplayName("snapshots are equal if their entries are, whatever is reserved")
    void equality() {
        fill(50);
        Snapshot<String> before = tree.snapshot();
        tree.reserve(7, 8, "me");
        assertEquals(before, tree.snapshot());
        assertEquals(before.hashCode(), tree.snapshot().hashCode());
        tree.store(2, 5, new String("v0"));
        assertEquals(before, tree.snapshot());
        tree.store(2, 4, "v0");
        assertNotEquals(before, tree.snapshot(), "other bounds");
        tree.store(5, 5, "v0");
        assertNotEquals(before, tree.snapshot(), "two entries");
        tree.store(2, 5, "w");
        assertNotEquals(before, tree.snapshot(), "another value");
        tree.erase(2, 5);
        assertNotEquals(before, tree.snapshot(), "one less");
        assertNotEquals(tree.snapshot(), before, "one more");
        tree.storeAll(before);
        assertEquals(before, tree.snapshot());
        tree.eraseEntry(492);
        assertNotEquals(before, tree.snapshot(), "the last one less");
        assertNotEquals(tree.snapshot(), before, "the last one more");
        assertNotEquals(before, before.entries());
        assertSame(before, before.snapshot());
        assertEquals(
                "{[2, 5]=v0}",
                "" + new TreeBuilder<String>().add(2, 5, "v0").build().snapshot());
        assertEquals("{}", "" + new MapleTree<>().snapshot());
    }

    @Test
    @DisplayName("a builder takes entries in any order, and names two that overlap")
    void unsorted() {
        UnsortedTreeBuilder<String> builder = new UnsortedTreeBuilder<>();
        builder.add(-2L, -1L, "high").add(5, 9, "b").add(0, 4, "a");
        MapleTree<String> built = builder.build();
        assertEquals("{[0, 4]=a, [5, 9]=b, " + IndexRange.text(-2L, -1L) + "=high}", "" + built.snapshot());
        builder.add(3, 3, "c");
        assertEquals(
                "[0, 4]=a and [3, 3]=c overlap",
                assertThrows(IllegalArgumentException.class, builder::build).getMessage());
        assertThrows(IllegalArgumentException.class, () -> builder.add(2, 1, "x"));
        UnsortedTreeBuilder<String> twice = new UnsortedTreeBuilder<>();
        twice.add(0, 4, "a");
        assertThrows(IllegalArgumentException.class, () -> twice.addAll(twice).build());
        assertEquals(3, built.count());
    }

    @Test
    @DisplayName("a collector takes the elements of a parallel stream, and names two that overlap")
    void collector() {
        MapleTree<Integer> collected = IntStream.range(0, 1000)
                .boxed()
                .parallel()
                .map(i -> i * 7919 % 1000)
                .collect(UnsortedTreeBuilder.collector(i -> 10L * i, i -> 10L * i + 9, i -> i));
        assertEquals(1000, collected.count());
        assertEquals(123, collected.get(1234));
        collected.validate();
        IllegalArgumentException overlap = assertThrows(
                IllegalArgumentException.class,
                () -> IntStream.of(1, 2, 1)
                        .boxed()
                        .collect(UnsortedTreeBuilder.collector(i -> i, i -> i, i -> "of " + i)));
        assertEquals("[1, 1]=of 1 and [1, 1]=of 1 overlap", overlap.getMessage());
    }
}
