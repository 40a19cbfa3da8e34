// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench;

import static dev.samara.core.mman.Mman.ANONYMOUS;
import static dev.samara.core.mman.Mman.FIXED;
import static dev.samara.core.mman.Mman.PRIVATE;
import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.VmaRef;
import dev.samara.core.mman.Errno;
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
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Measures the cost of a reference on a single thread: a lookup that acquires a reference and releases it immediately,
 * compared with a plain lookup.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 2,
        jvmArgsAppend = {"-Xms1g", "-Xmx1g", "-XX:+AlwaysPreTouch"})
public class VmaRefBenchmark {
    private static final long LENGTH = 8 * 4096;
    private static final long BASE = 0x1000_0000_0000L;
    private static final int PICKS = 1 << 12;

    /** The number of mappings in the space. */
    @Param({"30", "1000", "65530"})
    public int vmas;

    private final long[] picks = new long[PICKS];
    private int position;
    private AddressSpace space;

    /** Called by JMH; {@link #setUp()} fills the space. */
    public VmaRefBenchmark() {}

    /** Maps the ranges that are looked up. */
    @Setup(Level.Trial)
    public void setUp() {
        space = Machine.builder().maxMapCount(vmas + 100).build().newSpace(Geometry.LINUX_X86_64);
        for (int i = 0; i < vmas; i++) {
            int rights = i % 2 == 0 ? READ : READ | WRITE;
            long mapped = space.mmap(BASE + i * 2L * LENGTH, LENGTH, rights, PRIVATE | ANONYMOUS | FIXED, null, 0);
            if (Errno.isError(mapped)) {
                throw new IllegalStateException("the space could not be filled: " + Errno.of(mapped));
            }
        }
        SplittableRandom random = new SplittableRandom(42);
        for (int i = 0; i < PICKS; i++) {
            picks[i] = BASE + random.nextInt(vmas) * 2L * LENGTH + random.nextLong(LENGTH);
        }
    }

    private long pick() {
        position = (position + 1) & (PICKS - 1);
        return picks[position];
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
     * Looks up an address, acquires a reference to its VMA, and releases the reference.
     *
     * @return the VMA
     */
    @Benchmark
    @About("a lookup with a reference, which is released at once")
    public @Nullable Vma acquireAndRelease() {
        try (VmaRef reference = space.acquire(pick())) {
            return reference == null ? null : reference.vma();
        }
    }
}
