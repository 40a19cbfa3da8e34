// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench;

import static dev.samara.core.mman.Mman.ANONYMOUS;
import static dev.samara.core.mman.Mman.FIXED;
import static dev.samara.core.mman.Mman.NORESERVE;
import static dev.samara.core.mman.Mman.PRIVATE;
import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;

import dev.samara.core.AddressSpace;
import dev.samara.core.LayoutSnapshot;
import dev.samara.core.Machine;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import java.util.SplittableRandom;
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
 * Measures each operation of an address space on a single thread.
 *
 * <p>The space contains {@link #vmas} mappings of eight pages, alternately read-only and writable, with a hole of eight
 * pages after each. An invocation changes a random mapping and restores it. If this takes two calls, the figure is the
 * time per call.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 2,
        jvmArgsAppend = {"-Xms2g", "-Xmx2g", "-XX:+AlwaysPreTouch"})
public class OperationBenchmark {
    private static final long PAGE = 4096;
    private static final long LENGTH = 8 * PAGE;
    private static final long STRIDE = 2 * LENGTH;
    private static final long BASE = 0x1000_0000_0000L;
    private static final int PICKS = 1 << 12;

    /** The number of mappings in the space. */
    @Param({"30", "1000", "65530"})
    public int vmas;

    private final long[] picks = new long[PICKS];
    private int position;
    private AddressSpace space;
    private long heap;

    /** Called by JMH; {@link #setUp()} fills the space. */
    public OperationBenchmark() {}

    /** Creates the mappings. */
    @Setup(Level.Trial)
    public void setUp() {
        space = Machine.builder()
                .maxMapCount(vmas + 100)
                .build()
                .space(Geometry.LINUX_X86_64)
                .grant(Capability.IPC_LOCK)
                .build();
        for (int i = 0; i < vmas; i++) {
            done(space.mmap(start(i), LENGTH, i % 2 == 0 ? READ : READ | WRITE, PRIVATE | ANONYMOUS | FIXED, null, 0));
        }
        heap = space.brk(0);
        SplittableRandom random = new SplittableRandom(42);
        for (int i = 0; i < PICKS; i++) {
            picks[i] = start(random.nextInt(vmas));
        }
    }

    /** Checks that the operations restored the space. */
    @TearDown(Level.Trial)
    public void tearDown() {
        space.validate();
        long maps = space.usage().maps();
        if (maps != vmas) {
            throw new IllegalStateException("the space held " + vmas + " mappings, and now has " + maps);
        }
    }

    private static long start(int i) {
        return BASE + i * STRIDE;
    }

    private long pick() {
        position = (position + 1) & (PICKS - 1);
        return picks[position];
    }

    private int protectionAt(long address) {
        Vma vma = space.find(address);
        return vma == null ? 0 : (int) vma.flags() & (READ | WRITE);
    }

    private static void done(long result) {
        if (Errno.isError(result)) {
            throw new IllegalStateException("the operation measured failed: " + Errno.of(result));
        }
    }

    /**
     * Looks up an address.
     *
     * @return the VMA
     */
    @Benchmark
    @About("a lookup in a space")
    public @Nullable Vma find() {
        return space.find(pick());
    }

    /**
     * Takes a snapshot of the layout.
     *
     * @return the snapshot
     */
    @Benchmark
    @About("a snapshot of a space")
    public LayoutSnapshot snapshot() {
        return space.snapshot();
    }

    /** Maps at an address that the space chooses, and unmaps. */
    @Benchmark
    @About("half of a pair: mmap anywhere, munmap")
    @OperationsPerInvocation(2)
    public void mmapMunmap() {
        long address = space.mmap(0, LENGTH, READ, PRIVATE | ANONYMOUS | NORESERVE, null, 0);
        done(address);
        done(space.munmap(address, LENGTH));
    }

    /** Unmaps the middle of a mapping, and maps it again, which merges the parts. */
    @Benchmark
    @About("half of a pair: munmap of the middle of a mapping, mmap that fills the hole")
    @OperationsPerInvocation(2)
    public void munmapHoleAndFill() {
        long address = pick() + 2 * PAGE;
        int protection = protectionAt(address);
        done(space.munmap(address, PAGE));
        done(space.mmap(address, PAGE, protection, PRIVATE | ANONYMOUS | FIXED, null, 0));
    }

    /** Replaces a whole mapping with one that is not accounted, and then with an accounted one. */
    @Benchmark
    @About("mmap with MAP_FIXED over a whole mapping of other rights")
    @OperationsPerInvocation(2)
    public void mmapFixed() {
        long address = pick();
        done(space.mmap(address, LENGTH, READ | WRITE, PRIVATE | ANONYMOUS | FIXED | NORESERVE, null, 0));
        done(space.mmap(address, LENGTH, READ | WRITE, PRIVATE | ANONYMOUS | FIXED, null, 0));
    }

    /** Removes all rights from a whole mapping, and restores them. */
    @Benchmark
    @About("mprotect of a whole mapping")
    @OperationsPerInvocation(2)
    public void mprotectWhole() {
        long address = pick();
        int protection = protectionAt(address);
        done(space.mprotect(address, LENGTH, 0));
        done(space.mprotect(address, LENGTH, protection));
    }

    /**
     * Changes the rights of one page in the middle of a mapping, which splits the mapping in three, and merges the
     * parts again.
     */
    @Benchmark
    @About("half of a pair: mprotect that splits a mapping into three, mprotect that merges them")
    @OperationsPerInvocation(2)
    public void mprotectSplitAndMerge() {
        long address = pick() + 2 * PAGE;
        int protection = protectionAt(address);
        done(space.mprotect(address, PAGE, 0));
        done(space.mprotect(address, PAGE, protection));
    }

    /** Grows a mapping in place by a page, and shrinks it. */
    @Benchmark
    @About("half of a pair: mremap in place that grows by a page, and that shrinks")
    @OperationsPerInvocation(2)
    public void mremapGrowAndShrink() {
        long address = pick();
        done(space.mremap(address, LENGTH, LENGTH + PAGE, 0, 0));
        done(space.mremap(address, LENGTH + PAGE, LENGTH, 0, 0));
    }

    /** Moves a mapping into the hole after it, and back. */
    @Benchmark
    @About("mremap to another address")
    @OperationsPerInvocation(2)
    public void mremapMove() {
        long address = pick();
        int flags = Mman.MAYMOVE | Mman.MREMAP_FIXED;
        long aside = BASE - STRIDE;
        done(space.mremap(address, LENGTH, LENGTH, flags, aside));
        done(space.mremap(aside, LENGTH, LENGTH, flags, address));
    }

    /** Changes a mapping by advice, and reverts the change by the opposite advice. */
    @Benchmark
    @About("madvise that changes a mapping")
    @OperationsPerInvocation(2)
    public void madvise() {
        long address = pick();
        done(space.madvise(address, LENGTH, Mman.DONTFORK));
        done(space.madvise(address, LENGTH, Mman.DOFORK));
    }

    /** Locks a mapping, and unlocks it. */
    @Benchmark
    @About("half of a pair: mlock2, munlock")
    @OperationsPerInvocation(2)
    public void mlockMunlock() {
        long address = pick();
        done(space.mlock2(address, LENGTH, 1));
        done(space.munlock(address, LENGTH));
    }

    /** Grows the heap by a page, and shrinks it. */
    @Benchmark
    @About("half of a pair: brk up by a page, and down")
    @OperationsPerInvocation(2)
    public void brk() {
        done(space.brk(heap + PAGE));
        done(space.brk(heap));
    }

    /** Calls {@code msync} on a mapping, without any effect. */
    @Benchmark
    @About("msync, which changes nothing")
    public void msync() {
        done(space.msync(pick(), LENGTH, 4));
    }

    /** Copies the layout for a child, and closes the child. */
    @Benchmark
    @About("fork, and the close of the child")
    public void fork() {
        space.fork().close();
    }
}
