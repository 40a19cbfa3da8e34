// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("B.1: a snapshot is the tree of one instant")
class SnapshotTest {

    private final MapleTree<Integer> tree = new MapleTree<>();

    @Test
    void laterEditsDoNotShow() {
        List<Snapshot<Integer>> snapshots = new ArrayList<>();
        List<List<RangeEntry<Integer>>> expected = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            snapshots.add(tree.snapshot());
            expected.add(tree.entries());
            long first = i * 7919L % 997;
            if (i % 3 == 2) {
                tree.erase(first, first + 40);
            } else {
                tree.store(first, first + 5, i);
            }
        }
        for (int i = 0; i < 300; i++) {
            assertEquals(expected.get(i), snapshots.get(i).entries());
        }
    }

    @Test
    void everyReadWorksOnAnOldSnapshot() {
        tree.store(5, 9, 1);
        Snapshot<Integer> snapshot = tree.snapshot();
        Snapshot<Integer> empty = new MapleTree<Integer>().snapshot();
        tree.store(0, -1L, 2);
        assertEquals(1, snapshot.get(5));
        assertNull(snapshot.get(4));
        assertFalse(snapshot.isEmpty());
        assertTrue(empty.isEmpty());
        List<Integer> seen = new ArrayList<>();
        snapshot.forEach((first, last, value) -> seen.add(value));
        assertEquals(List.of(1), seen);
        Cursor<Integer> c = snapshot.cursor();
        assertEquals(1, c.next());
        assertEquals(9, c.last());
        assertNull(c.next());
    }

    @Test
    @DisplayName("B.1 taken by the thread that has a transaction open, it does not change after the commit")
    void snapshotTakenBesideAnOpenTransaction() {
        // The tree has three levels, so that the transaction does not replace all nodes that an edit before it could
        // have modified in place.
        for (int i = 0; i < 400; i++) {
            tree.store(32L * i, 32L * i + 15, i);
        }
        for (int i = 0; i < 400; i++) {
            tree.store(32L * i, 32L * i + 15, 100);
        }
        List<Snapshot<Integer>> taken = new ArrayList<>();
        tree.update(t -> {
            t.store(320, 335, 150);
            taken.add(tree.snapshot());
            t.store(352, 367, 150);
        });
        List<RangeEntry<Integer>> then = taken.get(0).entries();
        for (int i = 0; i < 400; i++) {
            tree.store(32L * i, 32L * i + 15, 200);
        }
        assertEquals(then, taken.get(0).entries());
        assertEquals(100, taken.get(0).get(320));
        tree.validate();
    }

    /** A lock that makes another edit once, just before it is acquired. */
    private static final class LateLock extends ReentrantLock {
        private static final long serialVersionUID = 1;

        private transient @Nullable Runnable earlier;

        @Override
        public void lock() {
            Runnable edit = earlier;
            earlier = null;
            if (edit != null) {
                edit.run();
            }
            super.lock();
        }
    }

    @Test
    @DisplayName("B.1 taken while an edit has the lock, it has all changes of that edit or none")
    void snapshotTakenBesideAnEdit() {
        LateLock lock = new LateLock();
        MapleTree<Integer> shared = new MapleTree<>(lock);
        for (int i = 0; i < 400; i++) {
            shared.store(32L * i, 32L * i + 15, i);
        }
        List<RangeEntry<Integer>> before = shared.entries();
        for (int i = 0; i < 400; i++) {
            shared.store(32L * i, 32L * i + 15, i);
        }
        lock.earlier = () -> {
            for (int i = 0; i < 400; i++) {
                shared.store(32L * i, 32L * i + 7, -i);
            }
        };
        List<RangeEntry<Integer>> taken = shared.snapshot().entries();
        assertTrue(taken.equals(before) || taken.equals(shared.entries()), "it has some of the changes");
    }

    @Test
    void snapshotDoesNotSeeAnOpenTransaction() {
        tree.store(0, 0, 1);
        tree.update(t -> {
            t.store(0, 0, 2);
            assertEquals(1, tree.snapshot().get(0));
        });
        assertEquals(2, tree.snapshot().get(0));
    }

    /** A lock that counts how often it is acquired. */
    private static final class CountedLock extends ReentrantLock {
        private static final long serialVersionUID = 1;

        private int count;

        @Override
        public void lock() {
            count++;
            super.lock();
        }
    }

    @Test
    @DisplayName("takes the lock after an edit, and not after transactions and edits that name an owner")
    void lockAfterEdits() {
        CountedLock lock = new CountedLock();
        MapleTree<Integer> counted = new MapleTree<>(lock);
        Object owner = new Object();
        counted.store(0, 9, 1);
        int before = lock.count;
        counted.snapshot();
        assertEquals(before + 1, lock.count);
        counted.reserve(20, 39, owner);
        counted.store(20, 29, 2, owner);
        counted.erase(30, 39, owner);
        counted.update(t -> t.store(40, 49, 3));
        before = lock.count;
        assertEquals(3, counted.snapshot().entries().size());
        assertEquals(before, lock.count);
    }
}
