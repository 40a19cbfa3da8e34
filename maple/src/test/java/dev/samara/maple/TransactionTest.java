// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

@DisplayName("E: transactions")
class TransactionTest extends TransactionFixture {
    @Test
    @DisplayName("E.1 E.2 readers see nothing before the commit and all of it after")
    void changesShowAtOnce() {
        tree.store(0, 9, "old");
        tree.update(t -> {
            t.erase(0, 9);
            t.store(100, 109, "new");
            assertNull(t.get(0));
            assertEquals("new", t.get(100));
            assertEquals("old", tree.get(0));
            assertNull(tree.get(100));
            assertEquals(List.of(new RangeEntry<>(100, 109, "new")), t.entries());
            assertEquals(List.of(new RangeEntry<>(0, 9, "old")), tree.entries());
            assertTrue(t.isFree(0, 99));
            assertFalse(tree.isFree(0, 99));
        });
        assertEquals(List.of(new RangeEntry<>(100, 109, "new")), tree.entries());
    }

    @Test
    @DisplayName("E.2 every edit and search in a transaction")
    void everyMutatorWorks() {
        tree.update(t -> {
            assertTrue(t.isEmpty());
            t.store(0, 9, "a");
            assertFalse(t.isEmpty());
            assertFalse(t.insert(9, 10, "b"));
            assertTrue(t.insert(10, 19, "b"));
            assertEquals("a", t.eraseEntry(3));
            assertNull(t.eraseEntry(3));
            assertTrue(t.reserve(0, 4, "me"));
            assertEquals(new RangeEntry<Object>(0, 4, "me"), t.reservationAt(2));
            assertNull(tree.reservationAt(2));
            t.store(0, 0, "c", "me");
            t.erase(1, 1, "me");
            t.replaceByReservation(3, 12, "me");
            t.erase(15, 16);
            GapSearch where = new GapSearch();
            assertTrue(t.findLowest(where));
            assertEquals(1, where.first());
            assertTrue(t.findHighest(where));
            assertEquals(-1L, where.first());
            List<String> seen = new ArrayList<>();
            t.forEach((first, last, value) -> seen.add(first + "-" + last + value));
            assertEquals(List.of("0-0c", "13-14b", "17-19b"), seen);
        });
        assertEquals("c", tree.get(0));
        assertEquals(new RangeEntry<Object>(3, 12, "me"), tree.reservationAt(3));
    }

    @Test
    @DisplayName("E.2 a transaction's cursor sees later stores of the transaction")
    void cursorFollowsTheTransaction() {
        tree.store(0, 9, "a");
        tree.update(t -> {
            Cursor<String> c = t.cursor();
            assertEquals("a", c.next());
            t.store(20, 29, "b");
            assertEquals("b", c.next());
            t.erase(0, 9);
            assertNull(c.previous());
            assertEquals("b", c.next());
        });
    }

    @Test
    @DisplayName("E.3 a throw undoes everything and is passed on")
    void throwChangesNothing() {
        tree.store(0, 9, "old");
        ArithmeticException thrown = new ArithmeticException();
        assertSame(
                thrown,
                assertThrows(
                        ArithmeticException.class,
                        () -> tree.update(t -> {
                            t.store(5, 20, "new");
                            throw thrown;
                        })));
        assertEquals(List.of(new RangeEntry<>(0, 9, "old")), tree.entries());
        tree.store(50, 50, "next");
        assertNull(tree.get(20));
    }

    @Test
    @DisplayName("E.3 C.4 a refused edit leaves the transaction open and as it was")
    void refusedEditDoesNotEndTheTransaction() {
        tree.reserve(10, 19, "me");
        tree.update(t -> {
            t.store(0, 4, "a");
            assertThrows(ReservedException.class, () -> t.store(5, 15, "b"));
            assertNull(t.get(5));
            t.store(5, 9, "c");
        });
        assertEquals(List.of(new RangeEntry<>(0, 4, "a"), new RangeEntry<>(5, 9, "c")), tree.entries());
    }

    @Test
    @DisplayName("E.3 abort, or close without commit, changes nothing")
    void abortAndCloseChangeNothing() {
        ReentrantLock lock = tree.writerLock();
        lock.lock();
        try {
            Transaction<String> t = tree.begin();
            t.store(0, 0, "x");
            t.abort();
            t.close();
            try (Transaction<String> u = tree.begin()) {
                u.store(1, 1, "x");
            }
            try (Transaction<String> u = tree.begin()) {
                assertNull(u.get(0));
                assertNull(u.get(1));
                u.store(2, 2, "x");
                u.commit();
            }
            tree.update(u -> {
                u.store(3, 3, "x");
                u.abort();
            });
        } finally {
            lock.unlock();
        }
        assertEquals(List.of(new RangeEntry<>(2, 2, "x")), tree.entries());
    }

    @Test
    void updateWhoseBodyCommitsEarlyIsCommittedOnce() {
        tree.update(t -> {
            t.store(0, 0, "a");
            t.commit();
            assertEquals("a", tree.get(0));
            tree.store(0, 0, "b");
        });
        assertEquals("b", tree.get(0));
    }

    @Test
    @DisplayName("E.4 nothing works after the end")
    void useAfterTheEndIsRefused() {
        tree.writerLock().lock();
        try {
            Transaction<String> t = tree.begin();
            Cursor<String> c = t.cursor();
            t.store(0, 0, "x");
            t.commit();
            GapSearch where = new GapSearch();
            List<Executable> calls = List.of(
                    () -> t.get(0),
                    t::isEmpty,
                    t::cursor,
                    t::entries,
                    () -> t.forEach((first, last, value) -> {}),
                    () -> t.store(0, 0, "x"),
                    () -> t.store(0, 0, "x", "me"),
                    () -> t.insert(0, 0, "x"),
                    () -> t.erase(0, 0),
                    () -> t.erase(0, 0, "me"),
                    () -> t.eraseEntry(0),
                    () -> t.reserve(0, 0, "me"),
                    () -> t.replaceByReservation(0, 0, "me"),
                    () -> t.reservationAt(0),
                    () -> t.isFree(0, 0),
                    () -> t.findLowest(where),
                    () -> t.findHighest(where),
                    t::commit,
                    t::abort,
                    () -> c.next());
            for (Executable call : calls) {
                refused("has ended", call);
            }
            t.close();
        } finally {
            tree.writerLock().unlock();
        }
        assertEquals("x", tree.get(0));
    }

    @Test
    @DisplayName("E.4 another thread's use is refused")
    void useFromAnotherThreadIsRefused() {
        tree.update(t -> {
            t.store(0, 0, "x");
            inAnotherThread(() -> {
                refused("belongs to thread", () -> t.get(0));
                refused("belongs to thread", () -> t.store(1, 1, "y"));
                refused("belongs to thread", t::commit);
                refused("belongs to thread", t::close);
            });
            assertNull(t.get(1));
        });
        assertEquals("x", tree.get(0));
    }

    @Test
    @DisplayName("E.4 edits of the tree, and transactions, inside a transaction are refused")
    void nestedEditsAreRefused() {
        tree.update(t -> {
            GapSearch where = new GapSearch();
            String why = "has a transaction open";
            refused(why, () -> tree.store(0, 0, "x"));
            refused(why, () -> tree.store(0, 0, "x", "me"));
            refused(why, () -> tree.insert(0, 0, "x"));
            refused(why, () -> tree.erase(0, 0));
            refused(why, () -> tree.erase(0, 0, "me"));
            refused(why, () -> tree.eraseEntry(0));
            refused(why, () -> tree.reserve(0, 0, "me"));
            refused(why, () -> tree.storeLowest(where, "x"));
            refused(why, () -> tree.storeHighest(where, "x"));
            refused(why, () -> tree.reserveLowest(where, "me"));
            refused(why, () -> tree.reserveHighest(where, "me"));
            refused(why, () -> tree.update(u -> {}));
            refused(why, tree::begin);
            assertEquals(1, tree.writerLock().getHoldCount());
            t.store(7, 7, "x");
        });
        assertEquals(List.of(new RangeEntry<>(7, 7, "x")), tree.entries());
    }

    @Test
    @DisplayName("E.4 begin needs the lock")
    void beginWithoutTheLockIsRefused() {
        refused("requires the writer lock", tree::begin);
    }
}
