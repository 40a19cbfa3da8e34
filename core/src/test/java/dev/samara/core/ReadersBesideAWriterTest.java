// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Lots.Actor;
import dev.samara.core.Lots.Deed;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Two readers beside a writer, which keeps with each single call the rules that {@link Lots} tells. A reader that sees
 * one broken has seen half a call.
 */
@DisplayName("Readers see each call wholly done or not at all")
class ReadersBesideAWriterTest {
    private static final int READERS = 2;
    private static final int STEPS = Boolean.getBoolean("samara.torture") ? 3_000_000 : 25_000;
    private static final int LOOKUPS = 200;

    private final Lots lots = new Lots();
    private volatile boolean done;

    /** What one reader has seen: the highest number of each lot, which never falls. */
    private static final class Seen {
        private final long[] numbers = new long[Lots.COUNT];

        void number(int lot, long number) {
            assertTrue(number >= numbers[lot], "went back in time");
            numbers[lot] = number;
        }
    }

    private static Deed deed(Vma vma) {
        if (vma.backing() instanceof Deed deed) {
            return deed;
        }
        throw new AssertionError("memory without a deed where only deeds are: " + vma);
    }

    /** Checks of one VMA all that can be said of it alone; it was found for an address in a lot, or by a walk. */
    private void verify(Vma vma, Seen seen) {
        int lot = Lots.lotOf(vma.start());
        if (lot < 0) {
            assertEquals(VmaFlags.EXEC, vma.flags() & VmaFlags.EXEC, "only noise is placed anywhere: " + vma);
            return;
        }
        assertEquals(lot, Lots.lotOf(vma.end() - 1), "reaches into another lot");
        int from = Lots.pageInLot(vma.start());
        int to = Lots.pageInLot(vma.end() - 1) + 1;
        if (from == 0) {
            assertSame(lots.stone(lot), vma, "a stone was changed");
            return;
        }
        switch (Actor.of(lot)) {
            case REPLACED -> {
                assertTrue(from >= Lots.FIRST && to <= Lots.FIRST + Lots.AREA, () -> "beyond its area: " + vma);
                Deed deed = deed(vma);
                assertEquals(lot, deed.lot());
                assertEquals(from - Lots.FIRST, vma.pageOffset(), "offset");
                seen.number(lot, deed.number());
            }
            case MIRRORED -> {
                assertTrue(from >= Lots.FIRST && to <= Lots.FIRST + Lots.AREA, () -> "beyond its area: " + vma);
                assertEquals(lot, deed(vma).lot());
                assertEquals(from - Lots.FIRST, vma.pageOffset(), "offset");
                assertTrue(vma.has(VmaFlags.SHARED));
            }
            case MOVED -> {
                Deed deed = deed(vma);
                assertEquals(Math.min(lot, Lots.partner(lot)), deed.lot(), "from elsewhere");
                int page = from - Lots.FIRST;
                assertEquals(page, vma.pageOffset(), "offset");
                assertTrue(Lots.isMapped(page) && !Lots.isMapped(page - 1), () -> "another start: " + vma);
                assertTrue(!Lots.isMapped(to - Lots.FIRST), () -> "another end: " + vma);
            }
            case GROWING -> {
                assertEquals(Lots.TOP, to, "a stack begins at its top");
                assertTrue(vma.has(VmaFlags.GROWSDOWN | VmaFlags.LOCKED));
            }
            case NOISY -> {
                assertTrue(vma.has(VmaFlags.EXEC), () -> "no noise: " + vma);
                assertNull(vma.backing());
            }
            case HEAP -> {
                assertEquals(Lots.FIRST, from, "the heap begins at its start");
                assertTrue(vma.has(VmaFlags.WRITE));
            }
        }
    }

    /** Looks up single addresses; what is always mapped must always be found. */
    private void lookUp(Random random, Seen seen) {
        AddressSpace space = lots.space();
        for (int n = 0; n < LOOKUPS; n++) {
            int lot = random.nextInt(Lots.COUNT);
            assertSame(lots.stone(lot), space.find(Lots.address(lot, 0) + random.nextInt(0x1000)), "a stone is lost");
            int page = 1 + random.nextInt(Lots.PAGES - 1);
            long address = Lots.address(lot, page) + random.nextInt(0x1000);
            Vma vma = space.find(address);
            if (vma != null) {
                assertTrue(vma.contains(address), () -> Long.toHexString(address) + " is not in " + vma);
                verify(vma, seen);
            } else {
                assertTrue(!Lots.isAlwaysMapped(lot, page), () -> "a hole at " + Long.toHexString(address));
            }
        }
    }

    /** Walks a snapshot; what it has must be of one instant. */
    private void walk(Seen seen) {
        LayoutSnapshot snapshot = lots.space().snapshot();
        List<Vma> vmas = snapshot.vmas();
        long[] pages = new long[Lots.COUNT];
        int stones = 0;
        long end = 0;
        for (Vma vma : vmas) {
            assertTrue(vma.start() >= end, () -> "out of order, or over another: " + vma);
            assertTrue(vma.end() > vma.start());
            end = vma.end();
            verify(vma, seen);
            int lot = Lots.lotOf(vma.start());
            if (lot >= 0 && Lots.pageInLot(vma.start()) == 0) {
                stones++;
            } else if (lot >= 0) {
                pages[lot] += vma.length() >> Lots.PAGE_SHIFT;
            }
            assertSame(vma, snapshot.find(vma.start()));
            assertSame(vma, snapshot.find(vma.end() - 1));
        }
        assertEquals(Lots.COUNT, stones, "a stone is lost");
        for (int lot = 0; lot < Lots.COUNT; lot++) {
            switch (Actor.of(lot)) {
                case REPLACED -> oneDeed(snapshot, lot, pages[lot]);
                case MIRRORED -> mirrored(snapshot, lot, pages[lot]);
                case MOVED -> {
                    long there = pages[Lots.partner(lot)];
                    assertEquals(Lots.MAPPED_PAGES, pages[lot] + there, "neither here nor there, or both");
                    assertTrue(pages[lot] == 0 || there == 0, "half a move");
                }
                case GROWING -> assertTrue(pages[lot] >= Lots.SMALLEST_STACK, "a stack is lost");
                case NOISY, HEAP -> assertTrue(pages[lot] < Lots.PAGES);
            }
        }
    }

    /** An area that is replaced at once has one deed at any instant, and no hole. */
    private static void oneDeed(LayoutSnapshot snapshot, int lot, long pages) {
        assertEquals(Lots.AREA, pages, "a hole where something is replaced");
        Vma first = snapshot.find(Lots.address(lot, Lots.FIRST));
        assertNotNull(first);
        for (int page = 0; page < Lots.AREA; page++) {
            Vma vma = snapshot.find(Lots.address(lot, Lots.FIRST + page));
            assertNotNull(vma);
            assertSame(first.backing(), vma.backing(), "half a replacement");
        }
    }

    /** An area whose rights are changed to both sides of its middle alike. */
    private static void mirrored(LayoutSnapshot snapshot, int lot, long pages) {
        assertEquals(Lots.AREA, pages, "a hole where rights are changed");
        for (int page = 0; page < Lots.AREA / 2; page++) {
            Vma low = snapshot.find(Lots.address(lot, Lots.FIRST + page));
            Vma high = snapshot.find(Lots.address(lot, Lots.FIRST + Lots.AREA - 1 - page));
            assertNotNull(low);
            assertNotNull(high);
            assertEquals(low.flags(), high.flags(), "half a change");
        }
    }

    /**
     * The counters agree with each other, since each kind of memory is counted in one of them, but for what never
     * changes.
     */
    private void count() {
        Usage usage = lots.space().usage();
        assertEquals(Lots.UNCHANGING_PAGES + usage.exec() + usage.stack() + usage.data(), usage.total());
        assertTrue(usage.stack() >= usage.locked(), "what is unmapped is unlocked at once, and given back later");
        assertEquals(usage.stack() + usage.data(), usage.accounted());
        assertTrue(usage.maps() > Lots.COUNT && usage.maps() <= usage.total());
    }

    private @Nullable Void read(Random random) {
        Seen seen = new Seen();
        boolean last;
        do {
            last = done;
            lookUp(random, seen);
            walk(seen);
            count();
        } while (!last);
        return null;
    }

    private void write(Random random) {
        try {
            for (int step = 0; step < STEPS; step++) {
                lots.step(random);
            }
        } finally {
            done = true;
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void fixedSeed(long seed) throws Exception {
        run(seed);
    }

    @Test
    void freshSeed() throws Exception {
        long seed = Long.getLong("samara.seed", System.nanoTime());
        System.out.println("ReadersBesideAWriterTest: -Dsamara.seed=" + seed);
        run(seed);
    }

    private void run(long seed) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(READERS + 1);
        try {
            List<Future<?>> ends = new ArrayList<>();
            for (int r = 0; r < READERS; r++) {
                Random random = new Random(seed + r + 1);
                ends.add(threads.submit(() -> read(random)));
            }
            ends.add(threads.submit(() -> write(new Random(seed))));
            for (Future<?> end : ends) {
                end.get();
            }
        } finally {
            threads.shutdownNow();
        }
        lots.space().validate();
        lots.space().close();
        assertEquals(0, lots.space().usage().total());
        assertEquals(0, lots.space().machine().committed());
    }

    @Test
    @DisplayName("The rules hold with nobody beside, so what breaks them is concurrency")
    void alone() {
        Random random = new Random(4);
        Seen seen = new Seen();
        for (int step = 0; step < 2_000; step++) {
            lots.step(random);
            walk(seen);
            count();
        }
        lots.space().validate();
    }
}
