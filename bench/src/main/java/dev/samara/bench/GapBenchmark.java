// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench;

import dev.samara.bench.index.GapStore;
import dev.samara.bench.index.Indexes;
import dev.samara.bench.index.Range;
import dev.samara.bench.index.RangeIndex;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Searches for free ranges of 1 to 64 pages. A range is found and stored in one step, and then erased; a figure is the
 * time of search, store and erase together. {@link #storeAtKnownPlace} stores and erases at the same places without a
 * search.
 *
 * <p>Holes also have 1 to 64 pages, so half of the holes that a search visits are too small.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 3,
        jvmArgsPrepend = {"-Xms2g", "-Xmx2g", "-XX:+AlwaysPreTouch"})
public class GapBenchmark {
    private static final int PICKS = 1 << 14;

    /** The name of the structure. */
    @Param({Indexes.SAMARA, Indexes.TREEMAP_RWLOCK, Indexes.COW_ARRAY})
    public String index;

    /** The number of ranges stored. */
    @Param({"1000", "100000"})
    public int ranges;

    /** The free part of the span, in percent. */
    @Param({"10", "50"})
    public int free;

    private final Range value = new Range(0, 0, 0);
    private final long[] sizes = new long[PICKS];
    private final long[] from = new long[PICKS];
    private final long[] places = new long[PICKS];
    private KeySet keys;
    private RangeIndex filled;
    private GapStore structure;
    private long start;
    private long last;
    private int position;

    /** Called by JMH; {@link #setUp()} fills the index. */
    public GapBenchmark() {}

    /** Stores the ranges and draws the searches. */
    @Setup
    public void setUp() {
        if (free < 1 || free > 50) {
            throw new IllegalArgumentException("a hole between any two ranges leaves 50 percent free, not " + free);
        }
        keys = KeySet.of(ranges, 100 / free - 1);
        filled = Indexes.named(index);
        filled.fill(keys.shuffled());
        structure = (GapStore) filled;
        start = keys.start();
        last = keys.end() - 1;
        SplittableRandom random = new SplittableRandom(~KeySet.SEED);
        for (int i = 0; i < PICKS; ) {
            sizes[i] = random.nextLong(1, 65) * KeySet.PAGE;
            from[i] = random.nextLong(start, last) & -KeySet.PAGE;
            places[i] = structure.storeLowest(sizes[i], from[i], last, value);
            // Near the end of the span, no hole may be large enough.
            if (places[i] != GapStore.NONE) {
                structure.free(places[i], places[i] + sizes[i] - 1);
                i++;
            }
        }
    }

    /** Checks that the index contains the same ranges as at the start. */
    @TearDown
    public void tearDown() {
        keys.requireIn(filled);
    }

    private int next() {
        position = (position + 1) & (PICKS - 1);
        return position;
    }

    /** Stores in the first free range above a random address, as an allocation with a hint does. */
    @Benchmark
    @About("a store into the first gap above a random address, and the erase")
    public void searchAndStore() {
        int i = next();
        long size = sizes[i];
        long first = structure.storeLowest(size, from[i], last, value);
        structure.free(first, first + size - 1);
    }

    /** Stores in the highest free range, as {@code mmap} does. */
    @Benchmark
    @About("a store into the highest gap, and the erase")
    public void searchHighestAndStore() {
        long size = sizes[next()];
        long first = structure.storeHighest(size, start, last, value);
        structure.free(first, first + size - 1);
    }

    /** Stores at the address that {@link #searchAndStore} would find. */
    @Benchmark
    @About("a store at the address that the search would find, and the erase")
    public void storeAtKnownPlace() {
        int i = next();
        long first = places[i];
        long end = first + sizes[i] - 1;
        structure.storeAt(first, end, value);
        structure.free(first, end);
    }
}
