// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench;

import dev.samara.bench.index.Indexes;
import dev.samara.bench.index.Range;
import dev.samara.bench.index.RangeIndex;
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
import org.openjdk.jmh.infra.Blackhole;

/**
 * Looks up the range that covers an address, 1024 times per invocation, without a writer. The figure is the time of one
 * lookup.
 *
 * <p>The result is passed to a compiler blackhole, which JMH uses from JDK 17 on and which costs nothing. Each figure
 * includes the loop around the lookup, which {@link #nothing} measures.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 3,
        jvmArgsPrepend = {"-Xms2g", "-Xmx2g", "-XX:+AlwaysPreTouch"})
public class LookupBenchmark {
    private static final int BATCH = 1 << 10;

    /** Called by JMH. */
    public LookupBenchmark() {}

    /** The index. */
    @State(Scope.Benchmark)
    public static class LookupIndex {
        /** The name of the structure. */
        @Param({
            Indexes.SAMARA,
            Indexes.SAMARA_SNAPSHOT,
            Indexes.SAMARA_READER,
            Indexes.SKIPLIST,
            Indexes.TREEMAP_RWLOCK,
            Indexes.TREEMAP_STAMPED,
            Indexes.GUAVA_RWLOCK,
            Indexes.FASTUTIL_RWLOCK,
            Indexes.MVSTORE,
            Indexes.COW_ARRAY,
            Indexes.GUAVA_IMMUTABLE,
            Indexes.INTERVAL_TREE_RWLOCK,
            Indexes.COW_ARRAY_GENERIC
        })
        public String index;

        /** The number of ranges stored. */
        @Param({"30", "200", "1000", "10000", "100000", "1000000"})
        public int ranges;

        /** The order of the addresses. */
        @Param({AddressPattern.RANDOM, AddressPattern.LOCAL, AddressPattern.SEQUENTIAL, AddressPattern.DEPENDENT})
        public String pattern;

        /**
         * The state of the heap: {@code filled}, i.e. unchanged since the fill, or {@code collected}, i.e. after a full
         * collection, which moves objects next to the objects that refer to them. The latter is the usual state of a
         * long-lived structure.
         */
        @Param("filled")
        public String heap;

        private RangeIndex structure;
        private long[] addresses;

        /** Called by JMH; {@link #setUp()} fills the index. */
        public LookupIndex() {}

        /** Stores the ranges, checks that they are found, and draws the addresses. */
        @Setup
        public void setUp() {
            KeySet keys = KeySet.of(ranges);
            structure = Indexes.named(index);
            structure.fill(keys.shuffled());
            keys.requireIn(structure);
            switch (heap) {
                case "filled" -> {}
                case "collected" -> System.gc();
                default -> throw new IllegalArgumentException("heap is filled or collected, not " + heap);
            }
            addresses = AddressPattern.draw(pattern, keys);
        }
    }

    /** A thread's position in the addresses. */
    @State(Scope.Thread)
    public static class LookupPosition {
        /**
         * The range used if a lookup finds nothing. Not final, so that the compiler does not treat it as a constant.
         */
        private Range nowhere = new Range(0, 0, 0);

        private int position;
        private int offset;

        /** Called by JMH. */
        public LookupPosition() {}

        private int nextBatch() {
            int from = position;
            position = (from + BATCH) & (AddressPattern.ADDRESSES - 1);
            return from;
        }
    }

    /** The addresses, without an index. */
    @State(Scope.Benchmark)
    public static class Drawn {
        private final long[] addresses = AddressPattern.draw(AddressPattern.RANDOM, KeySet.of(30));

        /** Called by JMH. */
        public Drawn() {}
    }

    /**
     * Looks up addresses.
     *
     * @param filled the index
     * @param place the position of this thread
     * @param sink consumes the ranges found
     */
    @Benchmark
    @About("one lookup, by index, number of ranges and pattern")
    @OperationsPerInvocation(BATCH)
    public void get(LookupIndex filled, LookupPosition place, Blackhole sink) {
        RangeIndex structure = filled.structure;
        long[] addresses = filled.addresses;
        int from = place.nextBatch();
        if (filled.pattern.equals(AddressPattern.DEPENDENT)) {
            Range nowhere = place.nowhere;
            int offset = place.offset;
            for (int i = from; i < from + BATCH; i++) {
                Range found = structure.get(addresses[i] + offset);
                offset = (found == null ? nowhere : found).next();
            }
            place.offset = offset;
        } else {
            for (int i = from; i < from + BATCH; i++) {
                sink.consume(structure.get(addresses[i]));
            }
        }
    }

    /**
     * Looks up addresses as most callers do: branches on whether a range was found, and reads a field of the range. So
     * a structure gains nothing from returning a range without reading it.
     *
     * @param filled the index
     * @param place the position of this thread
     * @return the sum of the fields read
     */
    @Benchmark
    @About("one lookup by a caller that branches on null and reads a field of the range found")
    @OperationsPerInvocation(BATCH)
    public long use(LookupIndex filled, LookupPosition place) {
        RangeIndex structure = filled.structure;
        long[] addresses = filled.addresses;
        int from = place.nextBatch();
        long sum = 0;
        for (int i = from; i < from + BATCH; i++) {
            Range found = structure.get(addresses[i]);
            if (found != null) {
                sum += found.next();
            }
        }
        return sum;
    }

    /**
     * Runs the same loop without the lookup.
     *
     * @param drawn the addresses
     * @param place the position of this thread
     * @param sink consumes the addresses
     */
    @Benchmark
    @About("the part of each lookup figure that is no lookup: reading an address and consuming it")
    @OperationsPerInvocation(BATCH)
    public void nothing(Drawn drawn, LookupPosition place, Blackhole sink) {
        long[] addresses = drawn.addresses;
        int from = place.nextBatch();
        for (int i = from; i < from + BATCH; i++) {
            sink.consume(addresses[i]);
        }
    }
}
