// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.testing.Share;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Several threads allocate from one tree: a range that one thread allocated is not used by any other thread until it is
 * freed.
 */
class WritersTogetherTest {

    private static final int THREADS = 3;
    private static final int ROUNDS = Boolean.getBoolean("samara.torture")
            ? 1_000_000
            : Share.of("WritersTogetherTest", 4).steps(20_000);
    private static final int HELD = 60;

    private final MapleTree<Object> tree = new MapleTree<>();

    private @Nullable Void allocate(Random random) {
        Object me = new Object();
        List<RangeEntry<Boolean>> mine = new ArrayList<>();
        GapSearch where = new GapSearch().within(0, 20_000);
        for (int round = 0; round < ROUNDS; round++) {
            if (mine.size() < HELD && random.nextInt(3) != 0) {
                boolean value = random.nextBoolean();
                where.size(1 + random.nextInt(100)).aligned(1L << random.nextInt(4), 0);
                boolean low = random.nextBoolean();
                boolean got = value
                        ? low ? tree.storeLowest(where, me) : tree.storeHighest(where, me)
                        : low ? tree.reserveLowest(where, me) : tree.reserveHighest(where, me);
                if (got) {
                    mine.add(new RangeEntry<>(where.first(), where.last(), value));
                }
            } else if (!mine.isEmpty()) {
                giveBack(me, mine.remove(random.nextInt(mine.size())));
            }
        }
        mine.forEach(m -> giveBack(me, m));
        return null;
    }

    private void giveBack(Object me, RangeEntry<Boolean> m) {
        if (m.value()) {
            assertSame(me, tree.get(m.first()));
            assertSame(me, tree.get(m.last()));
            assertSame(me, tree.eraseEntry(m.first()));
        } else {
            assertNull(tree.get(m.last()));
            assertEquals(new RangeEntry<>(m.first(), m.last(), me), tree.reservationAt(m.last()));
            assertThrows(ReservedException.class, () -> tree.eraseEntry(m.first()));
            tree.erase(m.first(), m.last(), me);
        }
    }

    @Test
    @DisplayName("C.1-C.3 D.2 D.3: edits of several threads follow one another")
    void whatOneThreadGotIsItsOwn() throws Exception {
        long seed = Long.getLong("samara.seed", 1);
        ExecutorService threads = Executors.newFixedThreadPool(THREADS);
        try {
            List<Future<?>> ends = new ArrayList<>();
            for (int i = 0; i < THREADS; i++) {
                Random random = new Random(seed + i);
                ends.add(threads.submit(() -> allocate(random)));
            }
            for (Future<?> end : ends) {
                end.get();
            }
        } finally {
            threads.shutdownNow();
        }
        tree.validate();
        assertTrue(tree.isFree(0, -1L));
    }
}
