// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import static dev.samara.core.mman.MapFlags.FIXED;
import static dev.samara.core.mman.MapFlags.PRIVATE;
import static dev.samara.core.mman.Protection.NONE;
import static dev.samara.core.mman.Protection.READ;
import static dev.samara.core.mman.Protection.WRITE;

import dev.samara.bench.About;
import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.OpenFile;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
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
 * The benchmark of range locks (Kogan, Dice, Issa: Scalable Range Locks, EuroSys 2020), with ranges of a space instead
 * of locked ranges of an array. Several threads ({@code -t}) read or write ranges of 256 slots.
 *
 * <p>Each slot is a VMA of its own file, so that slots never merge. A read of a range looks up each of its slots. A
 * write is one {@code mprotect} of the range, which removes or restores the right to write. {@link #subRanges} is the
 * paper's other benchmark: {@code mprotect} of parts of one VMA.
 */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 2)
@Fork(
        value = 2,
        jvmArgsAppend = {"-Xms1g", "-Xmx1g", "-XX:+AlwaysPreTouch"})
public class WorkloadBenchmark {
    private static final int SLOTS = 256;
    private static final long SLOT = Ground.LENGTH;

    /** The start of the slots, outside of the threads' own ranges. */
    private static final long ARRAY = Ground.own(3000);

    /** Called by JMH. */
    public WorkloadBenchmark() {}

    /** The space and its contender. */
    @State(Scope.Benchmark)
    public static class Field {
        /** The contender, which synchronizes the threads. */
        @Param({Contenders.SAMARA, Contenders.WHOLE, Contenders.DOWNGRADE, Contenders.STAMPED})
        public String contender;

        private AddressSpace space;
        private Contender measured;

        /** Called by JMH; {@link #setUp()} creates the state. */
        public Field() {}

        /** Maps the slots. */
        @Setup(Level.Trial)
        public void setUp() {
            space = Ground.prepare(100);
            measured = Contenders.named(contender, space, null);
            for (int i = 0; i < SLOTS; i++) {
                OpenFile file = OpenFile.named("/slot" + i).inode(8, 1, i + 1L).open();
                Ground.done(measured.mmap(ARRAY + i * SLOT, SLOT, READ | WRITE, PRIVATE | FIXED, file));
            }
        }

        /** Checks that all slots are still mapped. */
        @TearDown(Level.Trial)
        public void tearDown() {
            space.validate();
            for (int i = 0; i < SLOTS; i++) {
                if (measured.find(ARRAY + i * SLOT) == null) {
                    throw new IllegalStateException("slot " + i + " has gone");
                }
            }
        }
    }

    /** The ranges, and the share of reads. */
    @State(Scope.Benchmark)
    public static class Mix {
        /** The ranges that a thread uses: all slots, its own share of the slots, or a random range. */
        @Param({"full", "disjoint", "random"})
        public String range;

        /** The percentage of reads. */
        @Param({"100", "60"})
        public int reads;

        /** Called by JMH. */
        public Mix() {}
    }

    /** One thread. */
    @State(Scope.Thread)
    public static class WorkloadThread {
        private SplittableRandom random;
        private int first;
        private int end;
        private long own;

        /** Called by JMH; {@link #setUp} creates the state. */
        public WorkloadThread() {}

        /**
         * Chooses the thread's share of the slots, and its own range.
         *
         * @param field the space
         * @param thread the thread's number
         */
        @Setup(Level.Trial)
        public void setUp(Field field, ThreadParams thread) {
            int index = thread.getThreadIndex();
            random = new SplittableRandom(index);
            first = SLOTS * index / thread.getThreadCount();
            end = SLOTS * (index + 1) / thread.getThreadCount();
            own = Ground.own(index);
            Ground.done(field.measured.mmap(own, SLOTS * Ground.PAGE, READ | WRITE, Ground.HERE, null));
        }
    }

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

    /**
     * Reads or writes a range of slots.
     *
     * @param field the space
     * @param mix the ranges and the share of reads
     * @param worker the thread
     * @return the number of slots found; all must be found
     */
    @Benchmark
    @About("ranges of 256 slots read or written a second, by synchronization (-t 2)")
    public int slots(Field field, Mix mix, WorkloadThread worker) {
        SplittableRandom random = worker.random;
        int from = 0;
        int to = SLOTS;
        if (mix.range.equals("disjoint")) {
            from = worker.first;
            to = worker.end;
        } else if (mix.range.equals("random")) {
            from = random.nextInt(SLOTS);
            to = random.nextInt(from + 1, SLOTS + 1);
        }
        if (random.nextInt(100) >= mix.reads) {
            int rights = random.nextBoolean() ? READ : READ | WRITE;
            Ground.done(field.measured.mprotect(ARRAY + from * SLOT, (to - from) * SLOT, rights));
            return to - from;
        }
        int found = 0;
        for (int i = from; i < to; i++) {
            if (field.measured.find(ARRAY + i * SLOT) != null) {
                found++;
            }
        }
        if (found != to - from) {
            throw new IllegalStateException("of " + (to - from) + " slots only " + found + " were found");
        }
        return found;
    }

    /**
     * Removes the rights from a few pages of the thread's own mapping, and restores them; counts as two operations.
     *
     * @param field the space
     * @param worker the thread
     */
    @Benchmark
    @About("mprotect calls per second, on parts of one mapping for each thread")
    @OperationsPerInvocation(2)
    public void subRanges(Field field, WorkloadThread worker) {
        long pages = worker.random.nextLong(1, 5);
        long start = worker.own + worker.random.nextLong(SLOTS - pages) * Ground.PAGE;
        Ground.done(field.measured.mprotect(start, pages * Ground.PAGE, NONE));
        Ground.done(field.measured.mprotect(start, pages * Ground.PAGE, READ | WRITE));
    }
}
