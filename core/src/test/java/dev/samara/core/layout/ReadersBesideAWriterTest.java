// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.LayoutSnapshot;
import dev.samara.core.Usage;
import dev.samara.core.layout.RegionWriter.Actor;
import dev.samara.core.layout.RegionWriter.RegionFile;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import dev.samara.testing.Explored;
import dev.samara.testing.Share;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Readers concurrent with a writer, each single call of which preserves the rules in {@link RegionWriter}. A reader
 * that sees a rule violated has seen half a call.
 */
@DisplayName("I6: readers see each call wholly done or not at all")
@Explored(1)
public class ReadersBesideAWriterTest {
    private static final int READERS = 2;
    private static final int STEPS = Boolean.getBoolean("samara.torture")
            ? 3_000_000
            : Share.of("ReadersBesideAWriterTest", 4).steps(12_000);
    private static final int LOOKUPS = 200;

    private final RegionWriter writer = new RegionWriter();
    private volatile boolean done;

    /** The state of one reader: the highest number seen in each region, which never decreases. */
    private static final class Seen {
        private final long[] numbers = new long[RegionWriter.COUNT];

        void number(int region, long number) {
            assertTrue(number >= numbers[region], "went back in time");
            numbers[region] = number;
        }
    }

    private static RegionFile file(Vma vma) {
        if (vma.backing() instanceof RegionFile file) {
            return file;
        }
        throw new AssertionError("memory without a file where all memory is of files: " + vma);
    }

    /**
     * Checks everything that can be checked of a single VMA, which was found for an address in a region, or by a walk.
     */
    private void verify(Vma vma, Seen seen) {
        int region = RegionWriter.regionOf(vma.start());
        if (region < 0) {
            assertEquals(VmaFlags.EXEC, vma.flags() & VmaFlags.EXEC, "only noise is placed anywhere: " + vma);
            return;
        }
        assertEquals(region, RegionWriter.regionOf(vma.end() - 1), "reaches into another region");
        int from = RegionWriter.pageInRegion(vma.start());
        int to = RegionWriter.pageInRegion(vma.end() - 1) + 1;
        if (from == 0) {
            assertSame(writer.marker(region), vma, "a marker was changed");
            return;
        }
        switch (Actor.of(region)) {
            case REPLACED -> {
                assertTrue(
                        from >= RegionWriter.FIRST && to <= RegionWriter.FIRST + RegionWriter.AREA,
                        () -> "beyond its area: " + vma);
                RegionFile file = file(vma);
                assertEquals(region, file.region());
                assertEquals(from - RegionWriter.FIRST, vma.pageOffset(), "offset");
                seen.number(region, file.number());
            }
            case MIRRORED -> {
                assertTrue(
                        from >= RegionWriter.FIRST && to <= RegionWriter.FIRST + RegionWriter.AREA,
                        () -> "beyond its area: " + vma);
                assertEquals(region, file(vma).region());
                assertEquals(from - RegionWriter.FIRST, vma.pageOffset(), "offset");
                assertTrue(vma.has(VmaFlags.SHARED));
            }
            case MOVED -> {
                RegionFile file = file(vma);
                assertEquals(Math.min(region, RegionWriter.partner(region)), file.region(), "from elsewhere");
                int page = from - RegionWriter.FIRST;
                assertEquals(page, vma.pageOffset(), "offset");
                assertTrue(
                        RegionWriter.isMapped(page) && !RegionWriter.isMapped(page - 1), () -> "another start: " + vma);
                assertTrue(!RegionWriter.isMapped(to - RegionWriter.FIRST), () -> "another end: " + vma);
            }
            case GROWING -> {
                assertEquals(RegionWriter.TOP, to, "a stack begins at its top");
                assertTrue(vma.has(VmaFlags.GROWSDOWN | VmaFlags.LOCKED));
            }
            case NOISY -> {
                assertTrue(vma.has(VmaFlags.EXEC), () -> "no noise: " + vma);
                assertNull(vma.backing());
            }
            case HEAP -> {
                assertEquals(RegionWriter.FIRST, from, "the heap begins at its start");
                assertTrue(vma.has(VmaFlags.WRITE));
            }
        }
    }

    /** Looks up single addresses; a range that is always mapped must always be found. */
    private void lookUp(Random random, Seen seen) {
        AddressSpace space = writer.space();
        for (int n = 0; n < LOOKUPS; n++) {
            int region = random.nextInt(RegionWriter.COUNT);
            assertSame(
                    writer.marker(region),
                    space.find(RegionWriter.address(region, 0) + random.nextInt(0x1000)),
                    "a marker is lost");
            int page = 1 + random.nextInt(RegionWriter.PAGES - 1);
            long address = RegionWriter.address(region, page) + random.nextInt(0x1000);
            Vma vma = space.find(address);
            if (vma != null) {
                assertTrue(vma.contains(address), () -> Long.toHexString(address) + " is not in " + vma);
                verify(vma, seen);
            } else {
                assertTrue(!RegionWriter.isAlwaysMapped(region, page), () -> "a hole at " + Long.toHexString(address));
            }
        }
    }

    /** Finds the neighbours of single addresses. No marker may be between them, because markers are always mapped. */
    private void findNeighbours(Random random, Seen seen) {
        AddressSpace space = writer.space();
        for (int n = 0; n < LOOKUPS; n++) {
            int region = random.nextInt(RegionWriter.COUNT);
            int page = 1 + random.nextInt(RegionWriter.PAGES - 1);
            long address = RegionWriter.address(region, page) + random.nextInt(0x1000);
            Vma next = space.findNext(address);
            if (next != null) {
                assertTrue(next.end() > address, () -> Long.toHexString(address) + " is above " + next);
                verify(next, seen);
                assertTrue(
                        next.start() <= address || !RegionWriter.isAlwaysMapped(region, page),
                        () -> "a hole at " + Long.toHexString(address));
            }
            assertTrue(
                    region == RegionWriter.COUNT - 1
                            || (next != null && next.start() <= RegionWriter.address(region + 1, 0)),
                    "a marker is lost");
            Vma previous = space.findPrevious(address);
            assertNotNull(previous);
            assertTrue(previous.end() <= address, () -> Long.toHexString(address) + " is below the end of " + previous);
            assertTrue(previous.start() >= RegionWriter.address(region, 0), "a marker is lost");
            verify(previous, seen);
        }
    }

    /** Walks the space itself. Ends must ascend, and the walk must find everything that is always mapped. */
    private void walkSpace(Seen seen) {
        long[] lastEnd = {0};
        writer.space().forEach(0, writer.space().geometry().limit(), vma -> {
            assertTrue(vma.end() > lastEnd[0], () -> "out of order: " + vma);
            verify(vma, seen);
            verifyHole(lastEnd[0], vma.start());
            lastEnd[0] = vma.end();
        });
        verifyHole(lastEnd[0], RegionWriter.address(RegionWriter.COUNT, 0));
    }

    /** Checks that a range without a VMA contains nothing that is always mapped. */
    private static void verifyHole(long start, long end) {
        long first = Math.max(start, RegionWriter.address(0, 0));
        long last = Math.min(end, RegionWriter.address(RegionWriter.COUNT, 0));
        for (long address = first; address < last; address += 0x1000) {
            int region = RegionWriter.regionOf(address);
            int page = RegionWriter.pageInRegion(address);
            long at = address;
            assertTrue(
                    region < 0 || (page != 0 && !RegionWriter.isAlwaysMapped(region, page)),
                    () -> "a hole at " + Long.toHexString(at));
        }
    }

    /** Walks a snapshot, whose VMAs must be of one instant. */
    private void walk(Seen seen) {
        LayoutSnapshot snapshot = writer.space().snapshot();
        List<Vma> vmas = snapshot.vmas();
        long[] pages = new long[RegionWriter.COUNT];
        int markers = 0;
        long end = 0;
        for (Vma vma : vmas) {
            assertTrue(vma.start() >= end, () -> "out of order, or over another: " + vma);
            assertTrue(vma.end() > vma.start());
            end = vma.end();
            verify(vma, seen);
            int region = RegionWriter.regionOf(vma.start());
            if (region >= 0 && RegionWriter.pageInRegion(vma.start()) == 0) {
                markers++;
            } else if (region >= 0) {
                pages[region] += vma.length() >> RegionWriter.PAGE_SHIFT;
            }
            assertSame(vma, snapshot.find(vma.start()));
            assertSame(vma, snapshot.find(vma.end() - 1));
        }
        assertEquals(RegionWriter.COUNT, markers, "a marker is lost");
        for (int region = 0; region < RegionWriter.COUNT; region++) {
            switch (Actor.of(region)) {
                case REPLACED -> oneFile(snapshot, region, pages[region]);
                case MIRRORED -> mirrored(snapshot, region, pages[region]);
                case MOVED -> {
                    long there = pages[RegionWriter.partner(region)];
                    assertEquals(RegionWriter.MAPPED_PAGES, pages[region] + there, "neither here nor there, or both");
                    assertTrue(pages[region] == 0 || there == 0, "half a move");
                }
                case GROWING -> assertTrue(pages[region] >= RegionWriter.SMALLEST_STACK, "a stack is lost");
                case NOISY, HEAP -> assertTrue(pages[region] < RegionWriter.PAGES);
            }
        }
    }

    /** Checks that an area that single calls replace maps one file at any instant, without a hole. */
    private static void oneFile(LayoutSnapshot snapshot, int region, long pages) {
        assertEquals(RegionWriter.AREA, pages, "a hole where something is replaced");
        Vma first = snapshot.find(RegionWriter.address(region, RegionWriter.FIRST));
        assertNotNull(first);
        for (int page = 0; page < RegionWriter.AREA; page++) {
            Vma vma = snapshot.find(RegionWriter.address(region, RegionWriter.FIRST + page));
            assertNotNull(vma);
            assertSame(first.backing(), vma.backing(), "half a replacement");
        }
    }

    /** Checks an area whose rights are changed symmetrically about its middle. */
    private static void mirrored(LayoutSnapshot snapshot, int region, long pages) {
        assertEquals(RegionWriter.AREA, pages, "a hole where rights are changed");
        for (int page = 0; page < RegionWriter.AREA / 2; page++) {
            Vma low = snapshot.find(RegionWriter.address(region, RegionWriter.FIRST + page));
            Vma high = snapshot.find(RegionWriter.address(region, RegionWriter.FIRST + RegionWriter.AREA - 1 - page));
            assertNotNull(low);
            assertNotNull(high);
            assertEquals(low.flags(), high.flags(), "half a change");
        }
    }

    /**
     * Checks that the counters agree. Except for memory that never changes, each kind of memory is counted in one of
     * them.
     */
    private void count() {
        Usage usage = writer.space().usage();
        assertEquals(RegionWriter.UNCHANGING_PAGES + usage.exec() + usage.stack() + usage.data(), usage.total());
        assertTrue(usage.stack() >= usage.locked(), "an unmapped range is unlocked at once, and uncharged later");
        assertEquals(usage.stack() + usage.data(), usage.accounted());
        assertTrue(usage.maps() > RegionWriter.COUNT && usage.maps() <= usage.total());
    }

    private @Nullable Void read(Random random) {
        Seen seen = new Seen();
        boolean last;
        do {
            last = done;
            lookUp(random, seen);
            findNeighbours(random, seen);
            walkSpace(seen);
            walk(seen);
            count();
        } while (!last);
        return null;
    }

    private void write(Random random, int steps) {
        try {
            for (int step = 0; step < steps; step++) {
                writer.step(random);
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
        List<Callable<?>> tasks = new ArrayList<>();
        for (int r = 0; r < READERS; r++) {
            Random random = new Random(seed + r + 1);
            tasks.add(() -> read(random));
        }
        tasks.add(() -> {
            write(new Random(seed), STEPS);
            return true;
        });
        inParallel(tasks);
        writer.space().validate();
        writer.space().close();
        assertEquals(0, writer.space().usage().total());
        assertEquals(0, writer.space().machine().committed());
    }

    private static void inParallel(List<Callable<?>> tasks) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(tasks.size());
        try {
            List<Future<?>> ends = new ArrayList<>();
            for (Callable<?> task : tasks) {
                ends.add(threads.submit(task));
            }
            for (Future<?> end : ends) {
                end.get();
            }
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    @DisplayName("The rules hold without other threads, so a broken rule shows a race")
    void alone() {
        Random random = new Random(4);
        Seen seen = new Seen();
        for (int step = 0; step < 2_000; step++) {
            writer.step(random);
            findNeighbours(random, seen);
            walkSpace(seen);
            walk(seen);
            count();
        }
        writer.space().validate();
    }
}
