// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench;

import dev.samara.bench.index.Range;
import dev.samara.maple.MapleTree;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
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

/** Looks up 32 addresses, in one call or one by one. The figure is the time of one lookup. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 3,
        jvmArgsPrepend = {"-Xms2g", "-Xmx2g", "-XX:+AlwaysPreTouch"})
public class BatchBenchmark {
    private static final int BATCH = 32;

    /** The number of ranges stored. */
    @Param({"1000", "10000", "100000", "1000000"})
    public int ranges;

    private final MapleTree<Range> tree = new MapleTree<>();
    private final @Nullable Range[] found = new @Nullable Range[BATCH];
    private final long[] asked = new long[BATCH];
    private long[] addresses = {};
    private int position;

    /** Called by JMH; {@link #setUp()} fills the tree. */
    public BatchBenchmark() {}

    /** Stores the ranges and draws the addresses. */
    @Setup
    public void setUp() {
        KeySet keys = KeySet.of(ranges);
        keys.shuffled().forEach(range -> tree.store(range.first(), range.last(), range));
        addresses = AddressPattern.draw(AddressPattern.RANDOM, keys);
    }

    private void nextBatch() {
        System.arraycopy(addresses, position, asked, 0, BATCH);
        position = (position + BATCH) & (AddressPattern.ADDRESSES - 1);
    }

    /**
     * Looks up all addresses in one call.
     *
     * @return the ranges found
     */
    @Benchmark
    @About("one of 32 lookups of Samara's tree, made as a batch")
    @OperationsPerInvocation(BATCH)
    public @Nullable Range[] getAll() {
        nextBatch();
        tree.getAll(asked, found);
        return found;
    }

    /**
     * Looks up the addresses one by one.
     *
     * @return the ranges found
     */
    @Benchmark
    @About("one of 32 lookups of Samara's tree, made one by one")
    @OperationsPerInvocation(BATCH)
    public @Nullable Object[] get() {
        nextBatch();
        for (int i = 0; i < BATCH; i++) {
            found[i] = tree.get(asked[i]);
        }
        return found;
    }
}
