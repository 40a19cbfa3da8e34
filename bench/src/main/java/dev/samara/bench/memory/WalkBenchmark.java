// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.memory;

import dev.samara.bench.About;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.PageTable.TableReserve;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.Geometry;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * A page table walk that finds the page, as a CPU does when its TLB does not contain the translation of a present page.
 *
 * <p>The baseline is a table of one level, i.e. an array with one element per page. Its entries, their order and the
 * check of an entry are the same, so the difference is the walk through four levels.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 2,
        jvmArgsAppend = {"-Xms1g", "-Xmx1g", "-XX:+AlwaysPreTouch"})
public class WalkBenchmark {
    static final int BATCH = 1 << 10;

    private static final int PAGE_SHIFT = 12;
    private static final int CHUNK_SHIFT = 10;
    private static final long BASE = 0x1000_0000_0000L;
    private static final long RIGHTS = Pte.PRESENT | Pte.READ;

    /** The number of pages: a power of two. */
    @Param("4096")
    public int pages;

    /** The order of the accesses: ascending, random, or random with each index read from the previous page. */
    @Param({"sequential", "random", "dependent"})
    public String pattern;

    /** Whether a load from the page follows each walk, as in a real access. */
    @Param({"false", "true"})
    public boolean loads;

    private PageTable table;
    private FrameStore store;
    private long[] flat;

    /** The order of the pages. */
    private int[] order;

    private int position;

    /** Called by JMH; {@link #setUp()} creates the state. */
    public WalkBenchmark() {}

    /** Fills both tables. The frame number of each page is the number of the next page in the order. */
    @Setup(Level.Trial)
    public void setUp() {
        if (Integer.bitCount(pages) != 1) {
            throw new IllegalArgumentException("pages " + pages + " is not a power of two");
        }
        order = new int[pages];
        for (int i = 0; i < pages; i++) {
            order[i] = i;
        }
        if (!pattern.equals("sequential")) {
            shuffle();
        }
        store = new DirectFrames(PAGE_SHIFT, CHUNK_SHIFT, Math.max(pages, 1 << CHUNK_SHIFT));
        for (int frame = 0; frame < pages; frame += 1 << CHUNK_SHIFT) {
            if (!store.extend(frame, 1 << CHUNK_SHIFT)) {
                throw new IllegalStateException("no memory for the frames");
            }
        }
        for (int frame = 0; frame < pages; frame++) {
            store.fill(frame, 0, 1 << PAGE_SHIFT, (byte) 0);
        }
        table = new PageTable(Geometry.LINUX_X86_64);
        flat = new long[pages];
        for (int i = 0; i < pages; i++) {
            long pte = Pte.present(order[(i + 1) & (pages - 1)], Pte.READ | Pte.ACCESSED);
            long address = address(order[i]);
            Leaf.fill(table.leafFromReserve(address, TableReserve.NONE), table.indexOf(address), pte);
            flat[order[i]] = pte;
        }
    }

    private void shuffle() {
        SplittableRandom random = new SplittableRandom(42);
        for (int i = pages - 1; i > 0; i--) {
            int j = random.nextInt(i + 1);
            int swapped = order[i];
            order[i] = order[j];
            order[j] = swapped;
        }
    }

    private static long address(int page) {
        return BASE + ((long) page << PAGE_SHIFT);
    }

    /** Returns the table's entry for an address, or 0 if the entry does not permit reads. */
    private static long walk(PageTable table, long address) {
        long pte = table.get(address);
        return Pte.has(pte, RIGHTS) ? pte : 0;
    }

    private static long look(long[] flat, long address) {
        long index = (address - BASE) >>> PAGE_SHIFT;
        if (index >= flat.length) {
            return 0;
        }
        long pte = Leaf.get(flat, (int) index);
        return Pte.has(pte, RIGHTS) ? pte : 0;
    }

    /** Returns the frame of an entry. The load from the frame returns zero, but the returned frame depends on it. */
    private static int frame(long pte, FrameStore from, boolean loads) {
        int frame = Pte.frame(pte);
        // Each frame uses a different offset, because cache lines at the same offset would compete for one cache set.
        return loads ? frame + (int) from.get(frame, (frame & 63) << 6, Long.BYTES) : frame;
    }

    private int next() {
        int first = position;
        position = (position + BATCH) & (pages - 1);
        return first;
    }

    /**
     * Walks as the library does.
     *
     * @return the sum of the frames, or the last one
     */
    @Benchmark
    @About("a walk of four levels that finds the page: sequential, random, or dependent on the last one")
    @OperationsPerInvocation(BATCH)
    public long walk() {
        int first = next();
        FrameStore from = store;
        boolean loaded = loads;
        PageTable walked = table;
        if (pattern.equals("dependent")) {
            int page = order[first];
            for (int i = 0; i < BATCH; i++) {
                page = frame(walk(walked, address(page)), from, loaded);
            }
            return page;
        }
        long sum = 0;
        for (int i = 0; i < BATCH; i++) {
            sum += frame(walk(walked, address(order[(first + i) & (pages - 1)])), from, loaded);
        }
        return sum;
    }

    /**
     * Walks the table of one level.
     *
     * @return the sum of the frames, or the last one
     */
    @Benchmark
    @About("a walk of a table of one level, which is one array")
    @OperationsPerInvocation(BATCH)
    public long flat() {
        int first = next();
        FrameStore from = store;
        boolean loaded = loads;
        long[] looked = flat;
        if (pattern.equals("dependent")) {
            int page = order[first];
            for (int i = 0; i < BATCH; i++) {
                page = frame(look(looked, address(page)), from, loaded);
            }
            return page;
        }
        long sum = 0;
        for (int i = 0; i < BATCH; i++) {
            sum += frame(look(looked, address(order[(first + i) & (pages - 1)])), from, loaded);
        }
        return sum;
    }
}
