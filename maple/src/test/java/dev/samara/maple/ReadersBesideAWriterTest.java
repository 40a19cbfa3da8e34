// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.testing.Explored;
import dev.samara.testing.Share;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Readers of every kind run concurrently with a writer. At every commit, the tree satisfies rules that a reader can
 * check.
 *
 * <p>The index space is divided into lots of 1000 indexes. Each lot starts with a stone, an entry that never changes;
 * one of the actors below uses the rest, and each value that it stores names the lot. So a reader can decide for every
 * entry whether it may be there.
 */
@Explored(1)
class ReadersBesideAWriterTest {

    private static final int LOTS = 96;
    private static final int LOT = 1000;
    private static final int READERS = 2;
    private static final int ROUNDS = Boolean.getBoolean("samara.torture")
            ? 2_000_000
            : Share.of("ReadersBesideAWriterTest", 4).steps(20_000);

    /** The fields are not final on purpose: readers must see them as they were when the object was stored. */
    private static final class Mark {
        int lot;
        int number;
        int check;

        Mark(int lot, int number) {
            this.lot = lot;
            this.number = number;
            this.check = ~(31 * lot + number);
        }

        void verify() {
            assertEquals(~(31 * lot + number), check, "fields not seen as stored");
        }
    }

    /** The user of a lot. */
    private enum Actor {
        /** Stores and erases anything anywhere in its lot. */
        NOISE,
        /** Makes only reservations, so for readers the lot is empty. */
        RESERVES,
        /** Swaps the numbers of two ranges. */
        SWAPS,
        /** Grows one range from the middle to both sides. The number is how far it extends. */
        GROWS,
        /** Increases the number of one range, which is the same in all lots of this kind. */
        COUNTS,
        /** Stores nothing, so the lot is always empty. */
        RESTS;

        static Actor of(int lot) {
            return values()[lot % values().length];
        }
    }

    private final MapleTree<Mark> tree = new MapleTree<>();
    private final Object owner = new Object();
    private volatile boolean done;

    private static long start(int lot) {
        return (long) lot * LOT;
    }

    private static long middle(int lot) {
        return start(lot) + LOT / 2;
    }

    private void prepare() {
        tree.update(t -> {
            for (int lot = 0; lot < LOTS; lot++) {
                t.store(start(lot), start(lot) + 9, new Mark(lot, -1));
                switch (Actor.of(lot)) {
                    case SWAPS -> swap(t, lot, 0);
                    case GROWS -> t.store(middle(lot), middle(lot), new Mark(lot, 0));
                    case COUNTS -> t.store(middle(lot), middle(lot) + 5, new Mark(lot, 0));
                    default -> {}
                }
            }
        });
    }

    private static void swap(Transaction<Mark> t, int lot, int number) {
        t.store(start(lot) + 100, start(lot) + 199, new Mark(lot, number & 1));
        t.store(start(lot) + 800, start(lot) + 899, new Mark(lot, 1 - (number & 1)));
    }

    private void write(Random random) {
        int count = 0;
        for (int round = 0; round < ROUNDS; round++) {
            int lot = random.nextInt(LOTS);
            int number = round;
            switch (Actor.of(lot)) {
                case NOISE -> noise(random, lot);
                case RESERVES -> reserves(random, lot);
                case SWAPS -> tree.update(t -> swap(t, lot, number));
                case GROWS -> {
                    for (int n = 0; n < 20; n++) {
                        int by = n * 20;
                        tree.store(middle(lot) - by, middle(lot) + by, new Mark(lot, by));
                    }
                    tree.update(t -> {
                        t.eraseEntry(middle(lot));
                        t.store(middle(lot), middle(lot), new Mark(lot, 0));
                    });
                }
                case COUNTS -> {
                    int next = ++count;
                    tree.update(t -> {
                        for (int l = 0; l < LOTS; l++) {
                            if (Actor.of(l) == Actor.COUNTS) {
                                t.store(middle(l), middle(l) + 5, new Mark(l, next));
                            }
                        }
                        if (next % 5 == 0) {
                            t.abort();
                        }
                    });
                    if (next % 5 == 0) {
                        count--;
                    }
                }
                case RESTS -> {}
            }
        }
    }

    private void noise(Random random, int lot) {
        long from = start(lot) + 10;
        GapSearch where = new GapSearch().size(1 + random.nextInt(20)).within(from, start(lot) + LOT - 1);
        for (int n = 0; n < 30; n++) {
            long first = from + random.nextInt(LOT - 60);
            long last = first + random.nextInt(50);
            switch (random.nextInt(5)) {
                case 0 -> tree.erase(first, last);
                case 1 -> tree.storeLowest(where, new Mark(lot, n));
                case 2 -> tree.storeHighest(where, new Mark(lot, n));
                default -> tree.store(first, first + random.nextInt(3), new Mark(lot, n));
            }
        }
        if (random.nextInt(3) == 0) {
            tree.erase(from, start(lot) + LOT - 1);
        }
    }

    private void reserves(Random random, int lot) {
        long from = start(lot) + 10;
        for (int n = 0; n < 20; n++) {
            long first = from + random.nextInt(LOT - 60);
            if (random.nextBoolean()) {
                tree.reserve(first, first + random.nextInt(4), owner);
            } else {
                tree.update(t -> {
                    t.store(first, first + 20, new Mark(lot, 0), owner);
                    t.replaceByReservation(first + 5, first + 20, owner);
                    t.erase(first, first + 4);
                });
            }
        }
        if (random.nextInt(3) == 0) {
            tree.erase(from, start(lot) + LOT - 1, owner);
        }
    }

    /** Checks that this entry may exist. */
    private static void verify(long first, long last, Mark mark) {
        mark.verify();
        int lot = mark.lot;
        assertEquals(lot, first / LOT, "entry in a foreign lot");
        assertEquals(lot, last / LOT, "entry reaches into a foreign lot");
        if (mark.number == -1) {
            assertEquals(start(lot), first);
            assertEquals(start(lot) + 9, last);
            return;
        }
        assertTrue(first >= start(lot) + 10, "a stone was stored over");
        switch (Actor.of(lot)) {
            case RESERVES, RESTS -> throw new AssertionError("entry in an empty lot");
            case SWAPS -> {
                assertEquals(first == start(lot) + 100 ? start(lot) + 199 : start(lot) + 899, last);
                assertTrue(mark.number == 0 || mark.number == 1);
            }
            case GROWS -> {
                assertEquals(middle(lot) - mark.number, first, "grown at one side");
                assertEquals(middle(lot) + mark.number, last, "grown at one side");
            }
            case COUNTS -> assertEquals(middle(lot) + 5, last);
            case NOISE -> {}
        }
    }

    private void walk(Cursor<Mark> c, boolean forwards, Random random) {
        int from = 1 + random.nextInt(LOTS - 1);
        int stone = forwards ? from : from - 1;
        long edge = forwards ? start(from) - 1 : start(from);
        Mark mark = forwards ? c.find(start(from)) : c.findBackward(start(from) - 1);
        while (mark != null) {
            assertEquals(mark, c.value());
            verify(c.first(), c.last(), mark);
            long now = forwards ? c.last() : c.first();
            assertTrue(forwards ? now > edge : now < edge, "not monotone");
            edge = now;
            if (mark.number == -1) {
                assertEquals(stone, mark.lot, "a stone was missed");
                stone += forwards ? 1 : -1;
            }
            mark = forwards ? c.next() : c.previous();
        }
        assertEquals(forwards ? LOTS : -1, stone, "a stone was missed");
        assertNull(forwards ? c.next() : c.previous());
        Mark back = forwards ? c.previous() : c.next();
        assertNotNull(back);
    }

    private void readSnapshot(int[] seen) {
        Snapshot<Mark> s = tree.snapshot();
        int number = -1;
        for (int lot = 0; lot < LOTS; lot++) {
            if (Actor.of(lot) == Actor.SWAPS) {
                assertEquals(1, get(s, start(lot) + 150).number + get(s, start(lot) + 850).number, "half a swap");
            } else if (Actor.of(lot) == Actor.COUNTS) {
                int here = get(s, middle(lot)).number;
                assertTrue(number == -1 || here == number, "half a transaction");
                number = here;
            }
        }
        assertTrue(number >= seen[0], "went back in time");
        seen[0] = number;
        long[] before = {-1};
        s.forEach((first, last, mark) -> {
            assertTrue(first > before[0]);
            before[0] = last;
            verify(first, last, mark);
        });
    }

    private static Mark get(RangeView<Mark> view, long index) {
        Mark mark = view.get(index);
        assertNotNull(mark, "an entry that is always there was missed");
        mark.verify();
        return mark;
    }

    private void lookUp(Random random, int[] seen) {
        for (int n = 0; n < 100; n++) {
            int lot = random.nextInt(LOTS);
            assertEquals(-1, get(tree, start(lot) + random.nextInt(10)).number);
            long index = start(lot) + 10 + random.nextInt(LOT - 10);
            Mark mark = tree.get(index);
            switch (Actor.of(lot)) {
                case RESERVES, RESTS -> assertNull(mark, "a reservation, or nothing at all, was seen");
                case GROWS -> assertEquals(lot, get(tree, middle(lot)).lot);
                case COUNTS -> {
                    int number = get(tree, middle(lot)).number;
                    assertTrue(number >= seen[0], "went back in time");
                    seen[0] = number;
                }
                default -> {
                    if (mark != null) {
                        mark.verify();
                        assertEquals(lot, mark.lot);
                    }
                }
            }
        }
    }

    private @Nullable Void read(Random random) {
        Cursor<Mark> c = tree.cursor();
        int[] seen = {0};
        boolean last;
        do {
            last = done;
            lookUp(random, seen);
            walk(c, true, random);
            walk(c, false, random);
            readSnapshot(seen);
        } while (!last);
        return null;
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    @DisplayName("A.1 A.2 A.4 B.1-B.4 D.1 E.1: readers beside a writer")
    void fixedSeed(long seed) throws Exception {
        run(seed);
    }

    @Test
    @DisplayName("A.1 A.2 A.4 B.1-B.4 D.1 E.1: readers beside a writer, fresh seed")
    void freshSeed() throws Exception {
        long seed = Long.getLong("samara.seed", System.nanoTime());
        System.out.println("ReadersBesideAWriterTest: -Dsamara.seed=" + seed);
        run(seed);
    }

    private void run(long seed) throws InterruptedException, ExecutionException {
        prepare();
        ExecutorService threads = Executors.newFixedThreadPool(READERS + 1);
        try {
            List<Future<?>> ends = new ArrayList<>();
            for (int r = 0; r < READERS; r++) {
                Random random = new Random(seed + r + 1);
                ends.add(threads.submit(() -> read(random)));
            }
            ends.add(threads.submit(() -> {
                try {
                    write(new Random(seed));
                } finally {
                    done = true;
                }
            }));
            for (Future<?> end : ends) {
                end.get();
            }
        } finally {
            threads.shutdownNow();
        }
        tree.validate();
    }
}
