// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("a transaction filled at once")
class FillTest {
    private static final Object OWNER = new Object();

    private final ReentrantLock lock = new ReentrantLock();
    private final MapleTree<Integer> tree = new MapleTree<>(lock);

    /**
     * Runs a test while holding the lock. The lock cannot be acquired outside the test method, because a timeout makes
     * each method run in its own thread.
     */
    private void locked(Runnable test) {
        lock.lock();
        try {
            test.run();
            tree.validate();
        } finally {
            lock.unlock();
        }
    }

    private static TreeBuilder<Integer> entries(int count) {
        TreeBuilder<Integer> builder = new TreeBuilder<>();
        for (int i = 0; i < count; i++) {
            builder.add(1000 + 10L * i, 1000 + 10L * i + 5, i);
        }
        return builder;
    }

    @Test
    @DisplayName("is the transaction of the same stores, around the reservations that there were")
    void equalsStores() {
        locked(() -> {
            for (int count : new int[] {0, 1, 15, 16, 17, 400}) {
                MapleTree<Integer> one = new MapleTree<>(lock);
                MapleTree<Integer> other = new MapleTree<>(lock);
                for (MapleTree<Integer> each : List.of(one, other)) {
                    each.reserve(0, 999, OWNER);
                    each.reserve(1_000_000, -1L, OWNER);
                }
                try (Transaction<Integer> filled = one.begin();
                        Transaction<Integer> stored = other.begin()) {
                    filled.fill(entries(count));
                    for (int i = 0; i < count; i++) {
                        stored.store(1000 + 10L * i, 1000 + 10L * i + 5, i);
                    }
                    assertEquals(stored.entries(), filled.entries());
                    assertTrue(one.isEmpty());
                    filled.commit();
                }
                one.validate();
                assertEquals(entries(count).build().entries(), one.entries());
                assertEquals(0, Objects.requireNonNull(one.reservationAt(999)).first());
                assertEquals(
                        -1L,
                        Objects.requireNonNull(one.reservationAt(1_000_000)).last());
            }
        });
    }

    @Test
    @DisplayName("goes on with other changes, which snapshots of before do not see")
    void goesOn() {
        locked(() -> {
            try (Transaction<Integer> filled = tree.begin()) {
                filled.fill(entries(400));
                filled.erase(1000, 1995);
                filled.store(5, 6, -1);
                filled.commit();
            }
            Snapshot<Integer> before = tree.snapshot();
            tree.store(1, 9, -2);
            assertEquals(-1, before.get(5));
            assertEquals(-2, tree.get(5));
            assertEquals(301, tree.entries().size());
        });
    }

    @Test
    @DisplayName("is refused where there are values, or a reservation in the way, and nothing has changed then")
    void refuses() {
        locked(() -> {
            tree.reserve(1012, 1013, OWNER);
            try (Transaction<Integer> filled = tree.begin()) {
                ReservedException refused = assertThrows(ReservedException.class, () -> filled.fill(entries(2)));
                assertSame(OWNER, refused.owner());
                assertTrue(filled.isEmpty());
                filled.store(7, 7, 7);
                assertThrows(IllegalStateException.class, () -> filled.fill(entries(1)));
                assertEquals(1, filled.entries().size());
                assertEquals(
                        1012, Objects.requireNonNull(filled.reservationAt(1013)).first());
            }
        });
    }
}
