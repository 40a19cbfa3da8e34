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
 * Readers concurrent with a writer, and readers concurrent with a thread that only spins. The spinner uses as much CPU
 * time as the writer, but does not touch the structure.
 *
 * <p>A reader's figure is the time of a batch of 32 lookups at random addresses: the mean, and the percentiles of the
 * samples. The writer's figure is the time to erase one range and store it again. Ignore JMH's figure for the whole
 * group, which mixes readers and writer. {@code -tg 2,1} runs two readers.
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

    /** The name of the structure. */
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

    /** The number of ranges stored. */
    @Param({"30", "1000", "100000"})
    public int ranges;

    private KeySet keys;
    private EditableIndex structure;
    private long[] addresses;
    private Range[] stored;

    /** Called by JMH; {@link #setUp()} fills the index. */
    public MixedBenchmark() {}

    /** A reader's position in the addresses. */
    @State(Scope.Thread)
    public static class ReaderPosition {
        private int position;

        /** Called by JMH. */
        public ReaderPosition() {}
    }

    /**
     * The CPU time of a reader.
     *
     * <p>JMH divides the time by each counter, so it prints the wall-clock time divided by the CPU time. The reader's
     * figure divided by that ratio is the reader's time on an idle machine, without its waits.
     */
    @State(Scope.Thread)
    @AuxCounters
    public static class ProcessorTime {
        private static final ThreadMXBean CLOCK = ManagementFactory.getThreadMXBean();

        /** The CPU time in this iteration, in nanoseconds. */
        public long onProcessor;

        private long before;

        /** Called by JMH. */
        public ProcessorTime() {}

        /** Starts the measurement of CPU time. */
        @Setup(Level.Iteration)
        public void start() {
            before = CLOCK.getCurrentThreadCpuTime();
        }

        /** Stops the measurement of CPU time. */
        @TearDown(Level.Iteration)
        public void stop() {
            onProcessor = CLOCK.getCurrentThreadCpuTime() - before;
        }
    }

    /** The writer's position in the ranges. */
    @State(Scope.Thread)
    public static class WriterPosition {
        private int position;

        /** Called by JMH. */
        public WriterPosition() {}

        /**
         * Checks that there is only one writer: two writers would erase the same range twice.
         *
         * @param threads the threads of the group
         */
        @Setup
        public void setUp(ThreadParams threads) {
            if (threads.getSubgroupThreadCount() != 1) {
                throw new IllegalArgumentException("there can be one writer only");
            }
        }
    }

    /** Stores the ranges and draws the lookups and the changes. */
    @Setup
    public void setUp() {
        keys = KeySet.of(ranges);
        structure = Indexes.named(index, EditableIndex.class);
        structure.fill(keys.shuffled());
        addresses = AddressPattern.draw(AddressPattern.RANDOM, keys);
        stored = new UpdateArguments(keys).stored();
    }

    /** Checks that the index contains the same ranges as at the start. */
    @TearDown
    public void tearDown() {
        keys.requireIn(structure);
    }

    private void read(ReaderPosition place, Blackhole sink) {
        int from = place.position;
        place.position = (from + BATCH) & (AddressPattern.ADDRESSES - 1);
        for (int i = from; i < from + BATCH; i++) {
            sink.consume(structure.get(addresses[i]));
        }
    }

    /**
     * Looks up addresses concurrently with the writer.
     *
     * @param place the position of this thread
     * @param watch measures this thread's CPU time
     * @param sink consumes the ranges found
     */
    @Benchmark
    @About("a batch of 32 lookups beside a thread that erases and stores: mean and percentiles")
    @Group("besideWriter")
    public void reader(ReaderPosition place, ProcessorTime watch, Blackhole sink) {
        read(place, sink);
    }

    /**
     * Erases a range and stores it again.
     *
     * @param turn the position of the writer
     */
    @Benchmark
    @Group("besideWriter")
    public void writer(WriterPosition turn) {
        Range range = stored[turn.position];
        turn.position = (turn.position + 1) & (UpdateArguments.PICKS - 1);
        structure.remove(range);
        structure.insert(range);
    }

    /**
     * Looks up addresses concurrently with the spinner.
     *
     * @param place the position of this thread
     * @param watch measures this thread's CPU time
     * @param sink consumes the ranges found
     */
    @Benchmark
    @About("the batch of lookups beside a thread that only spins")
    @Group("besideSpinner")
    public void undisturbed(ReaderPosition place, ProcessorTime watch, Blackhole sink) {
        read(place, sink);
    }

    /** Spins. */
    @Benchmark
    @Group("besideSpinner")
    public void spinner() {
        Blackhole.consumeCPU(100);
    }
}
