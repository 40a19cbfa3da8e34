// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The lock of a tree")
class WriterLockTest {
    private final MapleTree<String> tree = new MapleTree<>();

    @AfterEach
    void validate() {
        tree.validate();
    }

    /** Counts how often the lock is acquired without already being held. */
    private static final class CountingLock extends ReentrantLock {
        private static final long serialVersionUID = 1L;
        int taken;

        @Override
        public void lock() {
            super.lock();
            taken++;
        }
    }

    @Test
    void everyEditTakesTheLockItWasGivenAndLetsItGo() {
        CountingLock lock = new CountingLock();
        MapleTree<String> t = new MapleTree<>(lock);
        assertSame(lock, t.writerLock());
        GapSearch where = new GapSearch();
        List<Consumer<MapleTree<String>>> edits = List.of(
                x -> x.store(0, 1, "x"),
                x -> x.store(0, 1, "x", "me"),
                x -> x.insert(5, 6, "x"),
                x -> x.insert(5, 6, "x"),
                x -> x.erase(0, 1),
                x -> x.erase(0, 1, "me"),
                x -> x.eraseEntry(5),
                x -> x.reserve(5, 6, "me"),
                x -> x.storeLowest(where, "x"),
                x -> x.storeHighest(where, "x"),
                x -> x.reserveLowest(where, "me"),
                x -> x.reserveHighest(where, "me"),
                x -> x.update(tx -> {}),
                x -> x.storeCoalescing(10, 11, "x"),
                x -> x.compute(10, 11, old -> old),
                x -> x.merge(10, 11, "x", (old, value) -> old),
                x -> x.storeAll(new TreeBuilder<String>().add(10, 11, "x").build()),
                x -> assertThrows(ReservedException.class, () -> x.store(5, 6, "x")),
                x -> assertThrows(ReservedException.class, () -> x.eraseEntry(5)));
        for (Consumer<MapleTree<String>> edit : edits) {
            int before = lock.taken;
            edit.accept(t);
            assertEquals(before + 1, lock.taken);
            assertFalse(lock.isLocked());
        }
        int before = lock.taken;
        t.get(0);
        t.getAll(new long[5], new @Nullable String[5]);
        t.reader().get(0);
        t.cursor().next();
        t.isFree(0, 1);
        t.entryAt(0);
        t.firstEntry();
        t.lastEntry();
        t.reservationAt(0);
        assertEquals(before, lock.taken);
    }

    @Test
    void theTreeOfOneInstantTakesTheLockAtMostOnceAfterAnEditAndNeverAfterATransaction() {
        CountingLock lock = new CountingLock();
        MapleTree<String> t = new MapleTree<>(lock);
        for (int i = 0; i < 3; i++) {
            t.update(tx -> tx.store(0, 1, "x"));
            t.reserve(5, 6, "me");
            t.erase(5, 6, "me");
            assertTakes(0, lock, t);
            t.store(2, 3, "y" + i);
            assertTakes(1, lock, t);
            assertTakes(0, lock, t);
        }
    }

    @Test
    void whatIsBelowTheFirstEntryIsLookedForWithoutTheLock() {
        CountingLock lock = new CountingLock();
        MapleTree<String> t = new MapleTree<>(lock);
        for (int i = 1; i < 100; i++) {
            t.store(16L * i, 16L * i + 7, "x");
            int before = lock.taken;
            assertNull(t.atOrBefore(3));
            assertNull(t.atOrAfter(16L * i + 8));
            assertEquals(before, lock.taken);
        }
    }

    private static void assertTakes(int expected, CountingLock lock, MapleTree<String> t) {
        int before = lock.taken;
        t.snapshot();
        t.entries();
        t.forEach((first, last, value) -> {});
        t.atOrAfter(0);
        t.atOrBefore(-1L);
        t.isEmpty();
        t.reservationIn(0, 9);
        t.validate();
        t.dump();
        assertEquals(before + expected, lock.taken);
        assertFalse(lock.isLocked());
    }

    @Test
    void editsMayBeMadeWithTheLockHeld() {
        tree.writerLock().lock();
        try {
            tree.store(0, 1, "x");
            assertEquals(1, tree.writerLock().getHoldCount());
        } finally {
            tree.writerLock().unlock();
        }
        assertEquals("x", tree.get(1));
    }
}
