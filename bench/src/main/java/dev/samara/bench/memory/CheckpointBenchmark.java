// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.memory;

import dev.samara.bench.About;
import dev.samara.bench.ThreadTime;
import dev.samara.core.AddressSpace;
import dev.samara.core.Checkpoint;
import dev.samara.core.Cpu;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
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

/**
 * A checkpoint, the first store to a page after it, and a restore, each alone. {@link ResetBenchmark} measures whole
 * runs, and the report {@code fork} how long a checkpoint stops a storing thread.
 *
 * <p>Single calls are sampled, by the clock, because each needs a preparation that takes as long; compare their
 * medians. The measuring thread's CPU is in the space, outside GUEST.
 */
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 2,
        jvmArgsAppend = {"-Xms1g", "-Xmx1g", "-XX:+AlwaysPreTouch"})
public class CheckpointBenchmark {
    private static final int BATCH = 1 << 10;

    /** Called by JMH. */
    public CheckpointBenchmark() {}

    /** A space without a checkpoint, and threads in GUEST there. */
    @State(Scope.Thread)
    public static class Unmarked {
        /** The number of loads of a thread in GUEST between two polls. */
        private static final int LOADS = 64;

        /** The number of pages from which they load. */
        private static final int LOADED = 8;

        /** The size of the written pages in mebibytes. */
        @Param({"16", "256", "1024"})
        public int mib;

        /** The number of mappings. */
        @Param({"10", "10000"})
        public int vmas;

        /** The number of threads in GUEST. */
        @Param({"0", "1"})
        public int guests;

        FilledSpace filled;
        private final List<CompletableFuture<Void>> running = new ArrayList<>();
        private volatile boolean ends;

        /** Called by JMH; {@link #setUp()} creates the state. */
        public Unmarked() {}

        /**
         * Fills the space, and starts the threads.
         *
         * @throws InterruptedException if the benchmark is interrupted
         */
        @Setup(Level.Trial)
        public void setUp() throws InterruptedException {
            filled = new FilledSpace(vmas, mib * FilledSpace.MIB);
            filled.cpu.switchTo(filled.space);
            CountDownLatch entered = new CountDownLatch(guests);
            for (int i = 0; i < guests; i++) {
                running.add(CompletableFuture.runAsync(
                                () -> loadAndPoll(entered), work -> new Thread(work, "guest").start())
                        .whenComplete((nothing, failure) -> entered.countDown()));
            }
            entered.await();
        }

        private void loadAndPoll(CountDownLatch entered) {
            try (Cpu cpu = filled.machine.claimCpu()) {
                cpu.switchTo(filled.space);
                cpu.enterGuest();
                entered.countDown();
                while (!ends) {
                    for (int i = 0; i < LOADS; i++) {
                        int fault = cpu.memory().load(filled.picked(i % LOADED, LOADED), Long.BYTES);
                        if (fault != Fault.NONE) {
                            throw new IllegalStateException(Fault.toString(fault));
                        }
                    }
                    cpu.poll();
                }
                cpu.leaveGuest();
            }
        }

        /** Ends the threads, and closes the machine. */
        @TearDown(Level.Trial)
        public void tearDown() {
            ends = true;
            running.forEach(CompletableFuture::join);
            filled.close();
        }
    }

    /** A space that has a checkpoint after an invocation only. */
    @State(Scope.Thread)
    public static class Marked extends Unmarked {
        private @Nullable Checkpoint made;

        /** Called by JMH. */
        public Marked() {}

        /** Closes the checkpoint. */
        @TearDown(Level.Invocation)
        public void closeMade() {
            if (made != null) {
                made.close();
            }
        }
    }

    /**
     * Makes a checkpoint.
     *
     * @param of its space
     */
    @Benchmark
    @About("a checkpoint, without its end, also with a thread in GUEST that polls every 64 loads")
    public void checkpoint(Marked of) {
        of.made = of.filled.space.checkpoint();
    }

    /**
     * Makes a checkpoint, and closes it.
     *
     * @param of its space
     */
    @Benchmark
    @BenchmarkMode(Mode.AverageTime)
    @About("a checkpoint and its end, also with a thread in GUEST that polls every 64 loads")
    public void checkpointAndClose(Unmarked of) {
        of.filled.space.checkpoint().close();
    }

    /** A space whose pages must be copied before they are written. */
    @State(Scope.Thread)
    public static class Shared {
        private static final int MIB = 16;
        private static final int VMAS = 16;

        /** What precedes the stores: a checkpoint, its restore, or a fork. */
        @Param({"checkpoint", "restore", "fork"})
        public String after;

        FilledSpace filled;
        private @Nullable Checkpoint checkpoint;
        private @Nullable AddressSpace child;

        /** Called by JMH; {@link #setUp()} creates the state. */
        public Shared() {}

        /** Fills the space. */
        @Setup(Level.Trial)
        public void setUp() {
            filled = new FilledSpace(VMAS, MIB * FilledSpace.MIB);
            filled.cpu.switchTo(filled.space);
        }

        /** Undoes the stores of the last invocation, or ends their cause, and causes the next ones. */
        @Setup(Level.Invocation)
        public void prepare() {
            long began = ThreadTime.now();
            if (after.equals("restore") && checkpoint != null) {
                checkpoint.restore();
            } else {
                end();
                if (after.equals("fork")) {
                    child = filled.space.fork();
                } else {
                    checkpoint = filled.space.checkpoint();
                }
            }
            ThreadTime.leaveOut(began);
        }

        private void end() {
            if (checkpoint != null) {
                checkpoint.close();
            }
            if (child != null) {
                child.close();
            }
        }

        /** Closes the machine. */
        @TearDown(Level.Trial)
        public void tearDown() {
            end();
            filled.close();
        }
    }

    /**
     * Stores to 1,024 pages, each of which is copied.
     *
     * @param of the pages
     */
    @Benchmark
    @BenchmarkMode(Mode.AverageTime)
    @OperationsPerInvocation(BATCH)
    @About("the first store to a page after a checkpoint, a restore, or a fork, which copies the page")
    public void firstStore(Shared of) {
        of.filled.storeTo(BATCH, -1);
    }

    /** A space with a checkpoint, after which pages were written. */
    @State(Scope.Thread)
    public static class Written {
        private static final int VMAS = 16;

        /** The size of the space in mebibytes. */
        @Param({"16", "1024"})
        public int mib;

        /** The number of pages written after the checkpoint. */
        @Param({"1", "10", "100", "1000"})
        public int pages;

        FilledSpace filled;
        private Checkpoint checkpoint;

        /** Called by JMH; {@link #setUp()} creates the state. */
        public Written() {}

        /** Fills the space, and makes the checkpoint. */
        @Setup(Level.Trial)
        public void setUp() {
            filled = new FilledSpace(VMAS, mib * FilledSpace.MIB);
            filled.cpu.switchTo(filled.space);
            checkpoint = filled.space.checkpoint();
        }

        /** Stores to the pages. */
        @Setup(Level.Invocation)
        public void write() {
            filled.storeTo(pages, -1);
        }

        /** Closes the machine. */
        @TearDown(Level.Trial)
        public void tearDown() {
            checkpoint.close();
            filled.close();
        }
    }

    /**
     * Restores pages that were written.
     *
     * @param of the checkpoint
     * @return the number of restored pages
     */
    @Benchmark
    @About("a restore of 1 to 1,000 pages")
    public long restore(Written of) {
        return of.checkpoint.restore();
    }

    /** A space with a checkpoint, after which mappings of one page each were changed. */
    @State(Scope.Thread)
    public static class Changed {
        /** The number of mappings. */
        @Param({"10", "10000"})
        public int vmas;

        /** The number of changed mappings. */
        @Param({"1", "10"})
        public int changed;

        /** The call that changed them. */
        @Param({"mprotect", "munmap"})
        public String call;

        FilledSpace filled;
        private Checkpoint checkpoint;

        /** Called by JMH; {@link #setUp()} creates the state. */
        public Changed() {}

        /** Fills the space, and makes the checkpoint. */
        @Setup(Level.Trial)
        public void setUp() {
            filled = new FilledSpace(vmas, vmas);
            filled.cpu.switchTo(filled.space);
            checkpoint = filled.space.checkpoint();
        }

        /** Changes the mappings. */
        @Setup(Level.Invocation)
        public void change() {
            for (int i = 0; i < changed; i++) {
                long start = filled.start(i * (vmas / changed));
                if (call.equals("munmap")) {
                    filled.space.throwing().munmap(start, filled.length());
                } else {
                    filled.space.throwing().mprotect(start, filled.length(), Mman.READ);
                }
            }
        }

        /** Closes the machine. */
        @TearDown(Level.Trial)
        public void tearDown() {
            checkpoint.close();
            filled.close();
        }
    }

    /**
     * Restores mappings that were changed or removed.
     *
     * @param of the checkpoint
     * @return the number of restored pages
     */
    @Benchmark
    @About("a restore of 1 or 10 mappings of a page each, after mprotect or munmap")
    public long restoreMappings(Changed of) {
        return of.checkpoint.restore();
    }
}
