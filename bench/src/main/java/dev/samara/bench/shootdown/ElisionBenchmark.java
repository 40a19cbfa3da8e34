// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.shootdown;

import dev.samara.bench.About;
import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Geometry;
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

/**
 * How much a flush saves if it skips the search for CPUs because only the caller's CPU is in the space. That CPU unmaps
 * one page, after other CPUs read the neighbouring pages and left the space.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 3,
        jvmArgsAppend = {"-Xms1g", "-Xmx1g", "-XX:+AlwaysPreTouch"})
@State(Scope.Thread)
public class ElisionBenchmark {
    private static final int FLAGS = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED | MapFlags.NORESERVE;
    private static final int LEAF = 512;

    /** Every second page of one leaf stays mapped, so each {@code munmap} removes one VMA. */
    private static final int REMOVED = LEAF / 2;

    private static final long PAGE = CpuThreads.PAGE;

    private static final long BASE = 0x1_0000_0000L;

    /** Whether the machine elides these searches. */
    @Param({"false", "true"})
    public boolean elided;

    /** How many other CPUs read the pages and left the space. */
    @Param({"0", "1", "8", "63"})
    public int left;

    private Machine machine;
    private AddressSpace space;
    private Cpu cpu;
    private Cpu[] others;

    /** Called by JMH; {@link #setUp} creates the state. */
    public ElisionBenchmark() {}

    /** Makes the other CPUs read the pages that stay mapped, and leave the space. */
    @Setup(Level.Trial)
    public void setUp() {
        machine = Machine.builder()
                .memory(4 * LEAF * PAGE)
                .faultAround(1)
                .elideFlushes(elided)
                .build();
        space = machine.newSpace(Geometry.LINUX_X86_64);
        CpuThreads.done(space.mmap(BASE, LEAF * PAGE, Protection.READ, FLAGS, null, 0));
        cpu = machine.claimCpu();
        cpu.switchTo(space);
        others = new Cpu[left];
        readStaying(cpu);
        for (int i = 0; i < left; i++) {
            others[i] = machine.claimCpu();
            others[i].switchTo(space);
            readStaying(others[i]);
            others[i].switchTo(null);
            // Hand over the CPU, because an operation checks each CPU of the calling thread.
            others[i].handOver();
        }
    }

    private static void readStaying(Cpu by) {
        for (int page = 1; page < LEAF; page += 2) {
            by.memory().load(BASE + page * PAGE, 1);
        }
    }

    /** Maps and writes the pages that {@link #munmap} removes. */
    @Setup(Level.Invocation)
    public void map() {
        for (int page = 0; page < LEAF; page += 2) {
            long at = BASE + page * PAGE;
            CpuThreads.done(space.mmap(at, PAGE, Protection.READ | Protection.WRITE, FLAGS, null, 0));
            cpu.memory().store(at, 1, 1);
        }
    }

    /** Releases the CPUs. */
    @TearDown(Level.Trial)
    public void tearDown() {
        for (Cpu other : others) {
            other.claim();
            other.close();
        }
        cpu.close();
        space.close();
        machine.close();
    }

    /**
     * Returns the frames in use.
     *
     * @return the number of mapped pages
     */
    long frames() {
        return machine.statistics().framesInUse();
    }

    /** Removes the pages, one by one. */
    @Benchmark
    @About("munmap of a page by the only CPU in the space, after others have left")
    @OperationsPerInvocation(REMOVED)
    public void munmap() {
        for (int page = 0; page < LEAF; page += 2) {
            CpuThreads.done(space.munmap(BASE + page * PAGE, PAGE));
        }
    }
}
