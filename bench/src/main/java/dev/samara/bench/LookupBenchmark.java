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
 * Which range covers this address: look-ups in rows of 1024, nobody writing. The figure is that of one look-up.
 *
 * <p>What is found goes to a compiler blackhole, which JMH uses from JDK 17 on and which costs nothing; {@link
 * #nothing} says what is left of the loop, and is contained in each figure.
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
    public static class Filled {
        /** Which structure. */
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
            Indexes.COW_ARRAY
        })
        public String index;

        /** How many ranges are stored. */
        @Param({"30", "200", "1000", "10000", "100000", "1000000"})
        public int ranges;

        /** How the addresses follow one another. */
        @Param({AddressPattern.RANDOM, AddressPattern.LOCAL, AddressPattern.SEQUENTIAL, AddressPattern.DEPENDENT})
        public String pattern;

        private RangeIndex structure;
        private long[] addresses;

        /** Called by JMH; {@link #setUp()} fills the index. */
        public Filled() {}

        /** Stores the ranges, makes sure that they are found, and draws the addresses. */
        @Setup
        public void setUp() {
            KeySet keys = KeySet.of(ranges);
            structure = Indexes.named(index);
            structure.fill(keys.shuffled());
            keys.requireIn(structure);
            addresses = AddressPattern.draw(pattern, keys);
        }
    }

    /** Where a thread is in the addresses. */
    @State(Scope.Thread)
    public static class Place {
        /** What a look-up that has found nothing counts as; not a constant to the compiler. */
        private Range nowhere = new Range(0, 0, 0);

        private int position;
        private int offset;

        /** Called by JMH. */
        public Place() {}

        private int nextBatch() {
            int from = position;
            position = (from + BATCH) & (AddressPattern.ADDRESSES - 1);
            return from;
        }
    }

    /** Addresses alone. */
    @State(Scope.Benchmark)
    public static class Drawn {
        private final long[] addresses = AddressPattern.draw(AddressPattern.RANDOM, KeySet.of(30));

        /** Called by JMH. */
        public Drawn() {}
    }

    /**
     * Look-ups.
     *
     * @param filled the index
     * @param place where this thread is
     * @param sink takes what was found
     */
    @Benchmark
    @About("one look-up, by index, number of ranges and pattern")
    @OperationsPerInvocation(BATCH)
    public void get(Filled filled, Place place, Blackhole sink) {
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
     * All of that but the look-up.
     *
     * @param drawn the addresses
     * @param place where this thread is
     * @param sink takes the addresses
     */
    @Benchmark
    @About("what is in each of those figures that is no look-up: an address is read and given away")
    @OperationsPerInvocation(BATCH)
    public void nothing(Drawn drawn, Place place, Blackhole sink) {
        long[] addresses = drawn.addresses;
        int from = place.nextBatch();
        for (int i = from; i < from + BATCH; i++) {
            sink.consume(addresses[i]);
        }
    }
}
