// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import static dev.samara.core.mman.Protection.READ;
import static dev.samara.core.mman.Protection.WRITE;

import dev.samara.bench.About;
import dev.samara.core.AddressSpace;
import dev.samara.core.vma.Vma;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
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
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.ThreadParams;

/**
 * The throughput of several threads ({@code -t}) in one space, concurrently with a neighbour of each kind.
 *
 * <p>The figure is the sum over the measured threads, without the neighbour. {@link ContentionReport} measures the
 * times of single lookups.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 2)
@Fork(
        value = 2,
        jvmArgsAppend = {"-Xms1g", "-Xmx1g", "-XX:+AlwaysPreTouch"})
public class ContentionBenchmark {
    /** The contender, which synchronizes the threads. */
    @Param({Contenders.SAMARA, Contenders.WHOLE, Contenders.DOWNGRADE, Contenders.STAMPED})
    public String contender;

    /** The neighbour of the measured threads. */
    @Param({"nobody", "writer", "slow-close"})
    public String beside;

    /** The number of mappings. */
    @Param("1000")
    public int vmas;

    private AddressSpace space;
    private Contender measured;
    private Neighbour neighbour;

    /** Called by JMH; {@link #setUp()} creates the state. */
    public ContentionBenchmark() {}

    /** The addresses and the range of one thread. */
    @State(Scope.Thread)
    public static class ContentionThread {
        private long[] picks;
        private int position;
        private long own;

        /** Called by JMH; {@link #setUp} creates the state. */
        public ContentionThread() {}

        /**
         * Chooses the thread's addresses and its range.
         *
         * @param benchmark the space
         * @param thread the thread's index
         */
        @Setup(Level.Trial)
        public void setUp(ContentionBenchmark benchmark, ThreadParams thread) {
            picks = Ground.picks(benchmark.vmas, thread.getThreadIndex());
            own = Ground.own(thread.getThreadIndex());
        }

        private long pick() {
            position = (position + 1) & (Ground.PICKS - 1);
            return picks[position];
        }
    }

    /** Prepares the space and starts the neighbour. */
    @Setup(Level.Trial)
    public void setUp() {
        space = Ground.prepare(vmas);
        measured = Contenders.named(contender, space, null);
        neighbour = new Neighbour(Beside.named(beside), measured, Neighbour.PAUSE_MILLIS);
    }

    /**
     * Stops the neighbour, and checks that the mappings did not change.
     *
     * @throws InterruptedException if the wait for the neighbour is interrupted
     */
    @TearDown(Level.Trial)
    public void tearDown() throws InterruptedException {
        neighbour.stop();
        space.validate();
        long maps = space.usage().maps();
        if (maps != vmas) {
            throw new IllegalStateException("the space held " + vmas + " mappings, and now has " + maps);
        }
    }

    /**
     * Looks up an address.
     *
     * @param worker the thread
     * @return the VMA
     */
    @Benchmark
    @About("lookups per second, by synchronization and by disturbance (-t 2)")
    public @Nullable Vma find(ContentionThread worker) {
        return measured.find(worker.pick());
    }

    /**
     * Acquires and releases a reference.
     *
     * @param worker the thread
     * @return whether something was mapped there
     */
    @Benchmark
    @About("lookups with a reference a second, by synchronization and by disturbance (-t 2)")
    public boolean acquireAndRelease(ContentionThread worker) {
        return measured.acquireAndRelease(worker.pick());
    }

    /**
     * Maps, changes the rights of one half, and unmaps, in the thread's own range. This counts as three operations.
     *
     * @param worker the thread
     */
    @Benchmark
    @About("mmap, mprotect and munmap a second, in a range for each thread (-t 2)")
    @OperationsPerInvocation(3)
    public void operations(ContentionThread worker) {
        Ground.done(measured.mmap(worker.own, Ground.LENGTH, READ | WRITE, Ground.HERE, null));
        Ground.done(measured.mprotect(worker.own, Ground.LENGTH / 2, READ));
        Ground.done(measured.munmap(worker.own, Ground.LENGTH));
    }
}
