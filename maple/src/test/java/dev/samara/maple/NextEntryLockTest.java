// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Random;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Checks which reads take the writer lock of a tree whose edits are not transactions. */
final class NextEntryLockTest {
    private static final int EDITS = 5000;
    private static final int SPAN = 20_000;

    /** Counts how often the lock is taken. */
    private static final class WriterLockCount extends ReentrantLock {
        private static final long serialVersionUID = 1;

        private int taken;

        @Override
        public void lock() {
            taken++;
            super.lock();
        }
    }

    private final WriterLockCount lock = new WriterLockCount();
    private final MapleTree<Integer> tree = new MapleTree<>(lock);

    private void assertNotTaken(Runnable read) {
        int before = lock.taken;
        read.run();
        assertEquals(before, lock.taken);
    }

    @Test
    @DisplayName("searches for a next entry take no lock in a tree without reservations")
    void nextEntries() {
        Random random = new Random(1);
        for (int i = 0; i < EDITS; i++) {
            long first = random.nextInt(SPAN);
            long last = first + random.nextInt(SPAN / 20);
            // The tree alternates between phases in which it grows and phases in which it becomes nearly empty.
            if (random.nextInt(10) < (i / 500 % 2 == 0 ? 2 : 8)) {
                tree.erase(first, last);
            } else {
                tree.store(first, last, i);
            }
            long asked = random.nextInt(SPAN + 10);
            assertNotTaken(() -> tree.atOrAfter(asked));
            assertNotTaken(() -> tree.atOrBefore(asked));
            assertNotTaken(tree::isEmpty);
        }
    }

    @Test
    @DisplayName("a search for a next entry takes the lock where it meets many reservations in a row")
    void reservations() {
        Object owner = new Object();
        for (int i = 0; i < SPAN; i++) {
            tree.reserve(2L * i, 2L * i, owner);
        }
        tree.store(3L * SPAN, 3L * SPAN, 1);
        int before = lock.taken;
        assertEquals(1, tree.atOrAfter(0));
        assertEquals(before + 1, lock.taken);
    }
}
