// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("C, E.4: a writer edits as the tree does, holding the lock")
class WriterTest {

    private final ReentrantLock lock = new ReentrantLock();
    private final MapleTree<String> tree = new MapleTree<>(lock);

    @Test
    void eachEditIsSeenAtOnce() {
        try (Writer<String> writer = tree.writer()) {
            writer.store(0x1000, 0x1fff, "a");
            assertEquals("a", elsewhere(() -> tree.get(0x1800)));
            assertTrue(writer.insert(0x2000, 0x2fff, "b"));
            assertFalse(writer.insert(0x2fff, 0x3000, "c"));
            writer.erase(0x1800, 0x18ff);
            assertNull(elsewhere(() -> tree.get(0x1800)));
            assertEquals("b", writer.eraseEntry(0x2345));
            assertNull(writer.eraseEntry(0x2345));
            GapSearch where = new GapSearch().size(0x100).within(0x1000, 0x1fff);
            assertTrue(writer.storeLowest(where, "low"));
            assertEquals(0x1800, where.first());
            assertFalse(writer.storeHighest(where, "none"));
            assertTrue(writer.storeHighest(where.within(0, -1L), "high"));
            assertEquals("high", tree.get(-1L));
            assertTrue(lock.isHeldByCurrentThread());
        }
        assertFalse(lock.isLocked());
        tree.validate();
    }

    @Test
    void whatIsRefusedChangesNothing() {
        tree.reserve(0x1000, 0x1fff, this);
        try (Writer<String> writer = tree.writer()) {
            assertThrows(ReservedException.class, () -> writer.store(0x1fff, 0x2000, "a"));
            assertThrows(ReservedException.class, () -> writer.erase(0x1fff, 0x2000));
            assertThrows(ReservedException.class, () -> writer.eraseEntry(0x1fff));
            assertThrows(IllegalArgumentException.class, () -> writer.store(2, 1, "a"));
            assertThrows(IllegalArgumentException.class, () -> writer.erase(2, 1));
            writer.store(1, 2, "a");
        }
        assertEquals(1, tree.entries().size());
        assertEquals("a", tree.get(1));
    }

    @Test
    void afterItsEndAndElsewhereItIsRefused() {
        Writer<String> writer = tree.writer();
        Throwable thrown = assertThrows(CompletionException.class, () -> elsewhere(() -> writer.eraseEntry(1)))
                .getCause();
        assertTrue(thrown instanceof IllegalStateException);
        assertThrows(
                CompletionException.class,
                () -> elsewhere(() -> {
                    writer.close();
                    return null;
                }));
        writer.close();
        writer.close();
        assertEquals(
                "this writer has been closed, or its lock was released",
                assertThrows(IllegalStateException.class, () -> writer.store(1, 1, "a"))
                        .getMessage());
        Writer<String> unlocked = tree.writer();
        lock.unlock();
        assertThrows(IllegalStateException.class, () -> unlocked.store(1, 1, "a"));
        assertTrue(tree.isEmpty());
    }

    @Test
    void nextToATransactionItIsRefused() {
        try (Writer<String> writer = tree.writer()) {
            try (Transaction<String> t = tree.begin()) {
                t.store(1, 1, "t");
                assertThrows(IllegalStateException.class, () -> writer.store(2, 2, "w"));
                assertThrows(IllegalStateException.class, tree::writer);
                t.commit();
            }
            writer.store(2, 2, "w");
        }
        assertEquals("t", tree.get(1));
        assertEquals("w", tree.get(2));
        assertFalse(lock.isLocked());
    }

    private static <T> T elsewhere(java.util.function.Supplier<T> call) {
        return CompletableFuture.supplyAsync(call).join();
    }
}
