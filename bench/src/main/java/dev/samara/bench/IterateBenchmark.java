// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench;

import dev.samara.bench.index.Indexes;
import dev.samara.bench.index.Range;
import dev.samara.bench.index.RangeIndex;
import dev.samara.bench.index.Scannable;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
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
 * Scans ranges: reads the bounds of each range and a field of its value, and adds them up.
 *
 * <p>Samara scans with a cursor, which is safe to use concurrently with writers. A whole upward scan of a snapshot uses
 * the walk with a callback instead. {@code treemap-rwlock} excludes all writers during a scan.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 3,
        jvmArgsPrepend = {"-Xms2g", "-Xmx2g", "-XX:+AlwaysPreTouch"})
public class IterateBenchmark {
    /** The minimum number of ranges to scan. Whole scans are repeated until this number is reached. */
    private static final int SCANNED = 1_000_000;

    private static final int ROW = 100;
    private static final int PICKS = 1 << 14;

    /** The name of the structure. */
    @Param({
        Indexes.SAMARA,
        Indexes.SAMARA_SNAPSHOT,
        Indexes.SKIPLIST,
        Indexes.TREEMAP_RWLOCK,
        Indexes.MVSTORE,
        Indexes.COW_ARRAY
    })
    public String index;

    /** The number of ranges stored. */
    @Param({"1000", "100000", "1000000"})
    public int ranges;

    private Scannable structure;
    private int scans;
    private long[] from;
    private int position;

    /** Called by JMH; {@link #setUp()} fills the index. */
    public IterateBenchmark() {}

    /** Stores the ranges, and checks that a scan finds all of them. */
    @Setup
    public void setUp() {
        KeySet keys = KeySet.of(ranges);
        RangeIndex filled = Indexes.named(index);
        filled.fill(keys.shuffled());
        structure = (Scannable) filled;
        long all = keys.sorted().stream().mapToLong(Range::sum).sum();
        if (structure.scan() != all || structure.scanBackwards() != all) {
            throw new IllegalStateException("a scan has missed a stored range");
        }
        scans = (SCANNED + ranges - 1) / ranges;
        long top = keys.sorted().get(Math.max(0, ranges - ROW)).first();
        from = new SplittableRandom(~KeySet.SEED)
                .longs(PICKS, keys.start(), top + 1)
                .toArray();
    }

    /**
     * Scans all ranges, upwards.
     *
     * @return their sum
     */
    @Benchmark
    @About("one range of an ascending scan of all ranges")
    @OperationsPerInvocation(SCANNED)
    public long scan() {
        long sum = 0;
        for (int i = 0; i < scans; i++) {
            sum += structure.scan();
        }
        return sum;
    }

    /**
     * Scans all ranges, downwards.
     *
     * @return their sum
     */
    @Benchmark
    @About("one range of a descending scan of all ranges")
    @OperationsPerInvocation(SCANNED)
    public long scanBackwards() {
        long sum = 0;
        for (int i = 0; i < scans; i++) {
            sum += structure.scanBackwards();
        }
        return sum;
    }

    /**
     * Scans some consecutive ranges from a random address.
     *
     * @return their sum
     */
    @Benchmark
    @About("100 ranges ascending from a random address, with the search for the first")
    public long scanRow() {
        position = (position + 1) & (PICKS - 1);
        return structure.scanFrom(from[position], ROW);
    }
}
