// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Edits that depend on what a range has")
class RangeEditsTest {

    private final MapleTree<String> tree = new MapleTree<>();

    private List<String> texts() {
        return tree.entries().stream().map(RangeEntry::toString).toList();
    }

    @Test
    @DisplayName("compute is asked once for each entry and each free range, cut at the ends of the range")
    void compute() {
        tree.store(0, 9, "a");
        tree.store(20, 29, "b");
        tree.store(30, 39, "c");
        List<@Nullable String> asked = new ArrayList<>();
        tree.compute(5, 34, old -> {
            asked.add(old);
            return old == null ? "new" : old.equals("b") ? null : old + old;
        });
        List<@Nullable String> expected = new ArrayList<>();
        expected.add("a");
        expected.add(null);
        expected.add("b");
        expected.add("c");
        assertEquals(expected, asked);
        assertEquals(List.of("[0, 4]=a", "[5, 9]=aa", "[10, 19]=new", "[30, 34]=cc", "[35, 39]=c"), texts());
    }

    @Test
    @DisplayName("compute reaches both ends of the index space")
    void computeEverywhere() {
        tree.store(-1L, -1L, "last");
        tree.compute(0, -1L, old -> old == null ? "new" : old + "!");
        assertEquals(List.of(IndexRange.text(0, -2L) + "=new", IndexRange.text(-1L, -1L) + "=last!"), texts());
    }

    @Test
    @DisplayName("merge stores the value in free parts, and the result of the function in the others")
    void merge() {
        tree.store(10, 19, "a");
        tree.merge(0, 29, "x", (old, value) -> old + value);
        assertEquals(List.of("[0, 9]=x", "[10, 19]=ax", "[20, 29]=x"), texts());
        tree.merge(0, 29, "x", (old, value) -> null);
        assertTrue(tree.isEmpty());
    }

    @Test
    @DisplayName("a function that throws has changed nothing, in a transaction either")
    void throwing() {
        tree.store(0, 9, "a");
        tree.store(20, 29, "b");
        List<String> before = texts();
        RuntimeException mine = new RuntimeException("mine");
        tree.update(t -> {
            assertEquals(
                    mine,
                    assertThrows(
                            RuntimeException.class,
                            () -> t.compute(0, 29, old -> {
                                if ("b".equals(old)) {
                                    throw mine;
                                }
                                return "changed";
                            })));
            t.store(40, 49, "c");
        });
        assertEquals(
                mine,
                assertThrows(
                        RuntimeException.class,
                        () -> tree.compute(0, 29, old -> {
                            throw mine;
                        })));
        before = new ArrayList<>(before);
        before.add("[40, 49]=c");
        assertEquals(before, texts());
    }

    @Test
    @DisplayName("a reservation is refused before the function is asked, and the tree can be edited again")
    void reserved() {
        tree.store(0, 9, "a");
        tree.reserve(20, 29, "me");
        ReservedException refused = assertThrows(
                ReservedException.class,
                () -> tree.compute(0, 99, old -> {
                    throw new AssertionError(old);
                }));
        assertEquals(20, refused.first());
        assertThrows(ReservedException.class, () -> tree.storeCoalescing(0, 20, "x"));
        assertThrows(ReservedException.class, tree::clear);
        tree.store(0, 9, "b");
        assertEquals("b", tree.get(5));
    }

    @Test
    @DisplayName("storeAll that meets a reservation has stored none of its entries, and the transaction goes on")
    void storeAllRefused() {
        tree.reserve(20, 29, "me");
        tree.store(0, 9, "a");
        Snapshot<String> more = new TreeBuilder<String>()
                .add(5, 7, "x")
                .add(25, 26, "y")
                .build()
                .snapshot();
        tree.update(t -> {
            t.store(1, 1, "b");
            assertThrows(ReservedException.class, () -> t.storeAll(more));
            assertEquals("b", t.get(1));
            assertEquals("a", t.get(5));
            t.storeAll(more.within(0, 9, "outside"));
        });
        assertEquals("x", tree.get(6));
        assertNull(tree.get(25));
        assertEquals(new RangeEntry<Object>(20, 29, "me"), tree.reservationAt(25));
        tree.validate();
    }

    @Test
    @DisplayName("storeAll takes the entries of another tree, and of the tree itself")
    void storeAll() {
        MapleTree<Object> other = new MapleTree<>();
        other.store(0, 99, 7);
        tree.store(10, 19, "a");
        other.storeAll(tree);
        other.storeAll(other);
        assertEquals(
                List.of(7, "a", 7),
                other.entries().stream().map(RangeEntry::value).toList());
    }

    @Test
    @DisplayName("storeCoalescing joins what is equal and touches, and no more")
    void coalescing() {
        tree.store(0, 9, new String("a"));
        tree.store(20, 29, "a");
        tree.store(30, 39, "a");
        tree.storeCoalescing(10, 19, "a");
        assertEquals(List.of("[0, 29]=a", "[30, 39]=a"), texts());
        tree.storeCoalescing(5, 6, "b");
        assertEquals(List.of("[0, 4]=a", "[5, 6]=b", "[7, 29]=a", "[30, 39]=a"), texts());
        tree.storeCoalescing(3, 34, "a");
        assertEquals(List.of("[0, 39]=a"), texts());
        tree.storeCoalescing(0, -1L, "a");
        assertEquals(List.of("[0, 0xffffffffffffffff]=a"), texts());
    }

    @Test
    @DisplayName("a writer has all of them, one after the other")
    void writer() {
        try (Writer<String> writer = tree.writer()) {
            writer.storeCoalescing(0, 9, "a");
            writer.storeCoalescing(10, 19, "a");
            assertEquals("[0, 19]=a", String.valueOf(tree.entryAt(12)));
            writer.merge(15, 24, "b", (old, value) -> old + value);
            assertEquals("ab", tree.get(19));
            writer.storeAll(new TreeBuilder<String>().add(3, 3, "c").build());
            assertEquals("c", writer.eraseEntry(3));
            writer.clear();
        }
        assertTrue(tree.isEmpty());
        assertThrows(IllegalStateException.class, () -> {
            Writer<String> writer = tree.writer();
            writer.close();
            writer.compute(0, 1, old -> old);
        });
    }

    /** A value that runs code when it is compared, and is equal to all other values of its type. */
    private record Calling(Runnable call) {
        @Override
        public boolean equals(Object other) {
            call.run();
            return other instanceof Calling;
        }

        @Override
        public int hashCode() {
            return 1;
        }
    }

    @Test
    @DisplayName("a function that releases the lock, or edits the tree, has changed nothing")
    @SuppressWarnings("LockNotBeforeTry") // what a caller's code should not do
    void unlocking() {
        tree.store(0, 9, "a");
        assertThrows(
                IllegalStateException.class,
                () -> tree.compute(0, 9, old -> {
                    tree.writerLock().unlock();
                    return "x";
                }));
        assertThrows(
                IllegalStateException.class,
                () -> tree.compute(0, 9, old -> {
                    tree.store(0, 1, "b");
                    return "x";
                }));
        List<Transaction<String>> begun = new ArrayList<>();
        tree.writerLock().lock();
        try {
            assertThrows(
                    IllegalStateException.class,
                    () -> tree.compute(0, 9, old -> {
                        tree.writerLock().unlock();
                        tree.writerLock().unlock();
                        tree.writerLock().lock();
                        tree.writerLock().lock();
                        begun.add(tree.begin());
                        return "x";
                    }));
            begun.get(0).commit();
        } finally {
            tree.writerLock().unlock();
        }
        assertEquals(List.of("[0, 9]=a"), texts());
        assertEquals(0, tree.writerLock().getHoldCount());
        tree.store(0, 9, "c");
        tree.validate();
    }

    @Test
    @DisplayName("a comparison that changes the tree is refused, and one that ends the transaction, too")
    @SuppressWarnings("LockNotBeforeTry") // what a caller's code should not do
    void comparing() {
        MapleTree<Object> all = new MapleTree<>();
        all.store(0, 9, new Calling(() -> all.store(100, 109, "other")));
        assertThrows(IllegalStateException.class, () -> all.storeCoalescing(10, 19, "x"));
        all.store(0, 9, new Calling(() -> all.writerLock().unlock()));
        assertThrows(IllegalStateException.class, () -> all.storeCoalescing(10, 19, "x"));
        try (Writer<Object> writer = all.writer()) {
            all.writerLock().lock();
            writer.store(0, 9, new Calling(() -> all.store(100, 109, "other")));
            assertThrows(IllegalStateException.class, () -> writer.storeCoalescing(10, 19, "x"));
            all.writerLock().unlock();
        }
        List<Transaction<Object>> open = new ArrayList<>();
        all.store(0, 9, new Calling(() -> open.get(0).store(0, 5, "other")));
        all.update(t -> {
            open.add(0, t);
            assertThrows(IllegalStateException.class, () -> t.storeCoalescing(10, 19, "x"));
            t.abort();
        });
        all.store(0, 9, new Calling(() -> open.get(0).commit()));
        all.update(t -> {
            open.add(0, t);
            assertThrows(IllegalStateException.class, () -> t.storeCoalescing(10, 19, "x"));
        });
        assertEquals(1, all.count());
        all.store(0, 9, new Calling(() -> {}));
        all.storeCoalescing(10, 19, new Calling(() -> {}));
        assertEquals(1, all.count());
        all.validate();
    }

    @Test
    @DisplayName("a function that changes its transaction is refused, and what it changed stays")
    void changing() {
        tree.store(0, 9, "a");
        tree.update(t -> {
            assertThrows(
                    IllegalStateException.class,
                    () -> t.compute(0, 9, old -> {
                        t.store(50, 59, "mine");
                        return "x";
                    }));
            assertEquals("a", t.get(5));
        });
        assertEquals(List.of("[0, 9]=a", "[50, 59]=mine"), texts());
    }

    @Test
    @DisplayName("bad arguments are named")
    void arguments() {
        assertThrows(IllegalArgumentException.class, () -> tree.compute(2, 1, old -> old));
        assertThrows(IllegalArgumentException.class, () -> tree.storeCoalescing(2, 1, "a"));
        assertThrows(IllegalArgumentException.class, () -> tree.entries(2, 1));
        assertThrows(IllegalArgumentException.class, () -> tree.gaps(2, 1));
        assertThrows(IllegalArgumentException.class, () -> tree.forEach(2, 1, (first, last, value) -> {}));
        assertThrows(IllegalArgumentException.class, () -> tree.forEachDescending(2, 1, (first, last, value) -> {}));
        assertThrows(IllegalArgumentException.class, () -> new IndexRange(2, 1));
    }

    @Test
    @DisplayName("a transaction's snapshot stays as it was, whatever the transaction does")
    void snapshotOfTransaction() {
        for (int i = 0; i < 300; i++) {
            tree.store(10L * i, 10L * i + 5, "old");
        }
        List<Snapshot<String>> taken = new ArrayList<>();
        tree.update(t -> {
            t.store(100, 105, "draft");
            taken.add(t.snapshot());
            for (int i = 0; i < 300; i++) {
                t.store(10L * i, 10L * i + 5, "new");
            }
        });
        assertEquals("draft", taken.get(0).get(103));
        assertEquals("old", taken.get(0).get(3));
        assertEquals(300, taken.get(0).count());
        assertEquals("new", tree.get(3));
    }
}
