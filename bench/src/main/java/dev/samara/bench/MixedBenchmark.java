// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench;

import dev.samara.bench.index.EditableIndex;
import dev.samara.bench.index.Indexes;
import dev.samara.bench.index.Range;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Group;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.Blackhole;
import org.openjdk.jmh.infra.ThreadParams;

/**
 * Readers beside a writer, and the same readers beside a thread that only spins, which takes as much of the machine and
 * nothing of the structure.
 *
 * <p>A reader's figure is that of a batch of 32 look-ups at random addresses: the mean, and the percentiles of what was
 * sampled. That of the writer is of one range erased and stored again. The figure that JMH prints for a group as a
 * whole mixes both and says nothing. {@code -tg 2,1} makes it two readers.
 */
@State(Scope.Benchmark)
@BenchmarkMode({Mode.AverageTime, Mode.SampleTime})
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 3,
        jvmArgsPrepend = {"-Xms2g", "-Xmx2g", "-XX:+AlwaysPreTouch"})
public class MixedBenchmark {
    private static final int BATCH = 32;

    /** Which structure. */
    @Param({
        Indexes.SAMARA,
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
    @Param({"30", "1000", "100000"})
    public int ranges;

    private KeySet keys;
    private EditableIndex structure;
    private long[] addresses;
    private Range[] stored;

    /** Called by JMH; {@link #setUp()} fills the index. */
    public MixedBenchmark() {}

    /** Where a reader is in the addresses. */
    @State(Scope.Thread)
    public static class Place {
        private int position;

        /** Called by JMH. */
        public Place() {}
    }

    /**
     * For how long a reader had a processor.
     *
     * <p>JMH divides the time by each counter, so what it prints is how many nanoseconds went by for each one on a
     * processor; the reader's figure divided by that is the time it would have had on a machine of its own, its waits
     * left out.
     */
    @State(Scope.Thread)
    @AuxCounters
    public static class Watch {
        private static final ThreadMXBean CLOCK = ManagementFactory.getThreadMXBean();

        /** Nanoseconds of this iteration. */
        public long onProcessor;

        private long before;

        /** Called by JMH. */
        public Watch() {}

        /** Starts. */
        @Setup(Level.Iteration)
        public void start() {
            before = CLOCK.getCurrentThreadCpuTime();
        }

        /** Stops. */
        @TearDown(Level.Iteration)
        public void stop() {
            onProcessor = CLOCK.getCurrentThreadCpuTime() - before;
        }
    }

    /** Which range the writer is at. */
    @State(Scope.Thread)
    public static class Turn {
        private int position;

        /** Called by JMH. */
        public Turn() {}

        /**
         * Makes sure that there is one writer: two would erase the same range.
         *
         * @param threads how many there are
         */
        @Setup
        public void setUp(ThreadParams threads) {
            if (threads.getSubgroupThreadCount() != 1) {
                throw new IllegalArgumentException("there can be one writer only");
            }
        }
    }

    /** Stores the ranges and draws what is looked up and changed. */
    @Setup
    public void setUp() {
        keys = KeySet.of(ranges);
        structure = Indexes.named(index, EditableIndex.class);
        structure.fill(keys.shuffled());
        addresses = AddressPattern.draw(AddressPattern.RANDOM, keys);
        stored = new Edits(keys).stored();
    }

    /** Makes sure that all is as it was. */
    @TearDown
    public void tearDown() {
        keys.requireIn(structure);
    }

    private void read(Place place, Blackhole sink) {
        int from = place.position;
        place.position = (from + BATCH) & (AddressPattern.ADDRESSES - 1);
        for (int i = from; i < from + BATCH; i++) {
            sink.consume(structure.get(addresses[i]));
        }
    }

    /**
     * Reads.
     *
     * @param place where this thread is
     * @param watch says for how long it had a processor
     * @param sink takes what was found
     */
    @Benchmark
    @About("a batch of 32 look-ups beside a thread that erases and stores: mean and percentiles")
    @Group("besideWriter")
    public void reader(Place place, Watch watch, Blackhole sink) {
        read(place, sink);
    }

    /**
     * Erases a range and stores it again.
     *
     * @param turn which range it is
     */
    @Benchmark
    @Group("besideWriter")
    public void writer(Turn turn) {
        Range range = stored[turn.position];
        turn.position = (turn.position + 1) & (Edits.PICKS - 1);
        structure.remove(range);
        structure.insert(range);
    }

    /**
     * Reads.
     *
     * @param place where this thread is
     * @param watch says for how long it had a processor
     * @param sink takes what was found
     */
    @Benchmark
    @About("the same beside a thread that only spins")
    @Group("besideSpinner")
    public void undisturbed(Place place, Watch watch, Blackhole sink) {
        read(place, sink);
    }

    /** Takes time and nothing else. */
    @Benchmark
    @Group("besideSpinner")
    public void spinner() {
        Blackhole.consumeCPU(100);
    }
}
