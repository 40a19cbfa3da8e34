// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;

import dev.samara.bench.About;
import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.vma.Geometry;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.ThreadParams;

/** Threads ({@code -t}) that each map, write and unmap a page in a range of its own, in one space. */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 2)
@Fork(
        value = 2,
        jvmArgsAppend = {"-Xms1g", "-Xmx1g", "-XX:+AlwaysPreTouch"})
public class WorkloadBenchmark {
    /** Called by JMH. */
    public WorkloadBenchmark() {}

    /** A space with memory. */
    @State(Scope.Benchmark)
    public static class Memory {
        private final Machine machine = Machine.builder().memory(1L << 28).build();
        private final AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);

        /** Called by JMH. */
        public Memory() {}

        /** Checks the space, and closes it. */
        @TearDown(Level.Trial)
        public void tearDown() {
            space.validate();
            space.close();
            machine.close();
        }
    }

    /** One thread with a CPU. */
    @State(Scope.Thread)
    public static class MemoryThread {
        private Cpu cpu;
        private long own;

        /** Called by JMH; {@link #setUp} creates the state. */
        public MemoryThread() {}

        /**
         * Claims a CPU for the thread, and chooses its own range of one page.
         *
         * @param memory the space
         * @param thread the thread's number
         */
        @Setup(Level.Iteration)
        public void setUp(Memory memory, ThreadParams thread) {
            cpu = memory.machine.claimCpu();
            cpu.switchTo(memory.space);
            own = Ground.own(thread.getThreadIndex());
            Ground.done(memory.space.mmap(own, Ground.PAGE, READ | WRITE, Ground.HERE, null, 0));
            cpu.memory().store(own, 8, own);
        }

        /**
         * Releases the CPU. Called after each iteration, because at the end of the trial the machine may already be
         * closed.
         */
        @TearDown(Level.Iteration)
        public void tearDown() {
            cpu.close();
        }
    }

    /**
     * Maps a page in the thread's own range, writes to it, and unmaps it ({@code local} of RadixVM's mapbench).
     *
     * @param memory the space
     * @param worker the thread
     */
    @Benchmark
    @About("pages mapped, written and unmapped a second, in a range of each thread")
    public void local(Memory memory, MemoryThread worker) {
        long page = worker.own + 2 * Ground.PAGE;
        Ground.done(memory.space.mmap(page, Ground.PAGE, READ | WRITE, Ground.HERE, null, 0));
        worker.cpu.memory().store(page, 8, page);
        Ground.done(memory.space.munmap(page, Ground.PAGE));
    }
}
