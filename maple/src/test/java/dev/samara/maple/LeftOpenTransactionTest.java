// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("E: transactions that are left open")
class LeftOpenTransactionTest extends TransactionFixture {
    private static <T> T holding(ReentrantLock lock, Supplier<T> body) {
        lock.lock();
        try {
            return body.get();
        } finally {
            lock.unlock();
        }
    }

    private static void hold(ReentrantLock lock, Runnable body) {
        lock.lock();
        try {
            body.run();
        } finally {
            lock.unlock();
        }
    }

    private static Transaction<String> leftOpen(MapleTree<String> tree) {
        return holding(tree.writerLock(), () -> {
            Transaction<String> t = tree.begin();
            t.store(0, 0, "lost");
            return t;
        });
    }

    @Test
    @DisplayName("E.3 E.4 left open when its lock was released, it is over for good")
    void leftOpenItIsDead() {
        Transaction<String> t = leftOpen(tree);
        refused("its lock was released", () -> t.get(0));
        t.close();
        assertNull(tree.get(0));
        hold(tree.writerLock(), () -> {
            refused("its lock was released", t::commit);
            try (Transaction<String> u = tree.begin()) {
                assertNull(u.get(0));
                refused("has ended", t::commit);
                t.close();
                u.store(1, 1, "x");
                u.commit();
            }
        });
        assertEquals(List.of(new RangeEntry<>(1, 1, "x")), tree.entries());
    }

    @Test
    @DisplayName("E.3 left open, then an edit by the same thread")
    void leftOpenItDoesNotStopEdits() {
        Transaction<String> t = leftOpen(tree);
        tree.store(1, 1, "x");
        t.close();
        assertEquals(List.of(new RangeEntry<>(1, 1, "x")), tree.entries());
    }

    @Test
    @DisplayName("E.3 left open under a caller's lock, then another thread's transaction, or an edit")
    void leftOpenUnderACallersLockItIsDeadAfterTheNextEdit() {
        ReentrantLock lock = new ReentrantLock();
        MapleTree<String> t = new MapleTree<>(lock);
        Transaction<String> left = leftOpen(t);
        inAnotherThread(() -> hold(lock, () -> {
            try (Transaction<String> other = t.begin()) {
                assertNull(other.get(0));
                other.store(1, 1, "x");
                other.commit();
            }
        }));
        hold(lock, () -> refused("has ended", left::commit));
        Transaction<String> again = leftOpen(t);
        t.store(2, 2, "y");
        hold(lock, () -> refused("has ended", again::commit));
        assertEquals(List.of(new RangeEntry<>(1, 1, "x"), new RangeEntry<>(2, 2, "y")), t.entries());
    }

    @Test
    @DisplayName("E.3 left open under a caller's lock, then an edit that is put in place of a leaf")
    void leftOpenUnderACallersLockItIsDeadAfterAnEditInPlace() {
        ReentrantLock lock = new ReentrantLock();
        MapleTree<String> t = new MapleTree<>(lock);
        for (int i = 0; i < 100; i++) {
            t.store(4L * i, 4L * i + 1, "old");
        }
        Transaction<String> left = leftOpen(t);
        Node root = t.rootAcquire();
        inAnotherThread(() -> t.store(200, 201, "new"));
        assertSame(root, t.rootAcquire());
        hold(lock, () -> refused("has ended", left::commit));
        assertEquals("new", t.get(200));
        assertEquals("old", t.get(0));
        t.validate();
    }

    @Test
    @DisplayName("E.3 left open while a writer's lock was released, it is dead after the writer's edit in place")
    void leftOpenBesideAWriterItIsDead() throws Exception {
        ReentrantLock lock = new ReentrantLock();
        MapleTree<String> t = new MapleTree<>(lock);
        for (int i = 0; i < 100; i++) {
            t.store(4L * i, 4L * i + 1, "old");
        }
        Node root;
        // A single thread, because only the thread that began the transaction sees it as open.
        ExecutorService other = Executors.newSingleThreadExecutor();
        Transaction<String> left;
        try (Writer<String> writer = t.writer()) {
            lock.unlock();
            left = other.submit(() -> leftOpen(t)).get();
            lock.lock();
            root = t.rootAcquire();
            writer.store(200, 201, "new");
        }
        assertSame(root, t.rootAcquire());
        other.submit(() -> hold(lock, () -> refused("has ended", left::commit))).get();
        other.shutdown();
        assertEquals("new", t.get(200));
        assertEquals("old", t.get(0));
        t.validate();
    }

    @Test
    @DisplayName("E.4 left open under a caller's lock, it stands in the way of its own thread's next begin")
    void leftOpenUnderACallersLockItLooksOpenToItsThread() {
        ReentrantLock lock = new ReentrantLock();
        MapleTree<String> t = new MapleTree<>(lock);
        Transaction<String> left = leftOpen(t);
        refused("its lock was released", () -> left.get(0));
        refused("its lock was released", left::commit);
        hold(lock, () -> {
            refused("has a transaction open", t::begin);
            left.close();
            t.begin().close();
        });
        assertNull(t.get(0));
    }

    @Test
    @DisplayName("E.4 letting go of the lock once of several times does not end a transaction")
    void nestedHoldsKeepATransactionOpen() {
        hold(tree.writerLock(), () -> {
            try (Transaction<String> t = tree.begin()) {
                hold(tree.writerLock(), () -> t.store(0, 0, "x"));
                t.commit();
            }
        });
        assertEquals("x", tree.get(0));
    }
}
