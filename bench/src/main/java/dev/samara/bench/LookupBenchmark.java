// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench;

import dev.samara.bench.KeySet.Range;
import dev.samara.maple.MapleTree;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantReadWriteLock;
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
import org.openjdk.jmh.infra.Blackhole;

/**
 * Which range covers this address: one thread, independent look-ups at random addresses, nobody writing.
 *
 * <p>Time is that of one look-up. The peers cannot hold a range, so they hold its first address and compare its last.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 2,
        jvmArgsAppend = {"-Xms1g", "-Xmx1g", "-XX:+AlwaysPreTouch"})
public class LookupBenchmark {
    private static final int ADDRESSES = 1 << 18;
    private static final int BATCH = 1 << 10;

    /** How many ranges are stored. */
    @Param({"30", "1000", "100000"})
    public int size;

    private final MapleTree<Range> maple = new MapleTree<>();
    private final ConcurrentSkipListMap<Long, Range> skipList = new ConcurrentSkipListMap<>();
    private final TreeMap<Long, Range> treeMap = new TreeMap<>();
    private final ReentrantReadWriteLock treeMapLock = new ReentrantReadWriteLock();

    private long[] addresses;
    private int position;

    /** Called by JMH; {@link #setUp()} fills the structures. */
    public LookupBenchmark() {}

    /** Stores the ranges in each structure, and makes sure that all of them answer alike. */
    @Setup
    public void setUp() {
        KeySet keys = KeySet.of(size);
        for (Range range : keys.ranges()) {
            maple.store(range.first(), range.last(), range);
            skipList.put(range.first(), range);
            treeMap.put(range.first(), range);
        }
        addresses = keys.randomAddresses(ADDRESSES);
        for (long address : addresses) {
            Range expected = inTreeMap(address);
            if (!Objects.equals(expected, maple.get(address)) || !Objects.equals(expected, inSkipList(address))) {
                throw new IllegalStateException("structures differ at 0x" + Long.toHexString(address));
            }
        }
    }

    /**
     * Samara's tree.
     *
     * @param sink takes what was found
     */
    @Benchmark
    @OperationsPerInvocation(BATCH)
    public void mapleTree(Blackhole sink) {
        int from = nextBatch();
        for (int i = from; i < from + BATCH; i++) {
            sink.consume(maple.get(addresses[i]));
        }
    }

    /**
     * The JDK's concurrent sorted map.
     *
     * @param sink takes what was found
     */
    @Benchmark
    @OperationsPerInvocation(BATCH)
    public void skipListFloorEntry(Blackhole sink) {
        int from = nextBatch();
        for (int i = from; i < from + BATCH; i++) {
            sink.consume(inSkipList(addresses[i]));
        }
    }

    /**
     * The JDK's sorted map behind one reader-writer lock.
     *
     * @param sink takes what was found
     */
    @Benchmark
    @OperationsPerInvocation(BATCH)
    public void treeMapReadLock(Blackhole sink) {
        int from = nextBatch();
        for (int i = from; i < from + BATCH; i++) {
            sink.consume(inTreeMap(addresses[i]));
        }
    }

    private int nextBatch() {
        int from = position;
        position = (from + BATCH) & (ADDRESSES - 1);
        return from;
    }

    private @Nullable Range inSkipList(long address) {
        return covering(skipList.floorEntry(address), address);
    }

    private @Nullable Range inTreeMap(long address) {
        treeMapLock.readLock().lock();
        try {
            return covering(treeMap.floorEntry(address), address);
        } finally {
            treeMapLock.readLock().unlock();
        }
    }

    private static @Nullable Range covering(Map.@Nullable Entry<Long, Range> entry, long address) {
        return entry != null && address <= entry.getValue().last() ? entry.getValue() : null;
    }
}
