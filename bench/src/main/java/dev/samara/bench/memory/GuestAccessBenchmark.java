// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.memory;

import dev.samara.bench.About;
import dev.samara.core.guest.FlatMemory;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
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

/**
 * Accesses of a guest to present pages, which hit the TLB.
 *
 * <p>The baseline is an access to an array at the same offsets, without an address space. In the dependent pattern,
 * each address depends on the previous value, which is always 0, but the compiler cannot know that.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 2,
        jvmArgsAppend = {"-Xms1g", "-Xmx1g", "-XX:+AlwaysPreTouch"})
public class GuestAccessBenchmark {
    private static final int BATCH = 1 << 10;

    private static final int PAGE_SHIFT = GuestCpu.PAGE_SHIFT;
    private static final long BASE = GuestCpu.BASE;
    private static final int PICKS = 1 << 14;
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    /** Called by JMH. */
    public GuestAccessBenchmark() {}

    /** The pages and offsets of accesses whose working set fits in the TLB. */
    @State(Scope.Thread)
    public static class Hits {
        /** The number of pages: a power of two. */
        @Param({"8", "64", "2048"})
        public int pages;

        /** Whether an address depends on the previous value. */
        @Param({"independent", "dependent"})
        public String pattern;

        private GuestCpu guest;
        private FlatMemory flat;
        private byte[] plain;
        private boolean isDependent;
        private final int[] picks = new int[PICKS];
        private int position;

        /** Called by JMH; {@link #setUp()} creates the state. */
        public Hits() {}

        /** Maps the pages and draws the offsets. */
        @Setup(Level.Trial)
        public void setUp() {
            guest = new GuestCpu(pages, pages > 64 ? 4096 : 256);
            flat = guest.flat;
            plain = new byte[pages << PAGE_SHIFT];
            isDependent = pattern.equals("dependent");
            SplittableRandom random = new SplittableRandom(42);
            for (int i = 0; i < PICKS; i++) {
                picks[i] = random.nextInt(plain.length) & -Long.BYTES;
            }
            for (int i = 0; i < pages; i++) {
                flat.storeLong(BASE + ((long) i << PAGE_SHIFT), 0);
            }
        }

        /** Unmaps. */
        @TearDown(Level.Trial)
        public void tearDown() {
            guest.close();
        }

        private int next() {
            int first = position;
            position = (position + BATCH) & (PICKS - 1);
            return first;
        }
    }

    /**
     * Loads, each of which hits the TLB.
     *
     * @param of the pages
     * @return the value read
     */
    @Benchmark
    @About("a load in one step that the TLB has, at random in 8, 64 or 2,048 pages")
    @OperationsPerInvocation(BATCH)
    public long hit(Hits of) {
        int first = of.next();
        int[] picks = of.picks;
        FlatMemory memory = of.flat;
        long sum = 0;
        if (of.isDependent) {
            for (int i = first; i < first + BATCH; i++) {
                sum += memory.loadLong(BASE + picks[i] + sum);
            }
            return sum;
        }
        for (int i = first; i < first + BATCH; i++) {
            sum += memory.loadLong(BASE + picks[i]);
        }
        return sum;
    }

    /**
     * Loads from an array at the same offsets.
     *
     * @param of the pages
     * @return the value read
     */
    @Benchmark
    @About("a load at the same offset of an array of bytes, checked by the JVM")
    @OperationsPerInvocation(BATCH)
    public long plainLoad(Hits of) {
        int first = of.next();
        int[] picks = of.picks;
        byte[] plain = of.plain;
        long sum = 0;
        if (of.isDependent) {
            for (int i = first; i < first + BATCH; i++) {
                sum += (long) LONG.get(plain, picks[i] + (int) sum);
            }
            return sum;
        }
        for (int i = first; i < first + BATCH; i++) {
            sum += (long) LONG.get(plain, picks[i]);
        }
        return sum;
    }

    /**
     * Stores, each of which hits the TLB.
     *
     * @param of the pages
     */
    @Benchmark
    @About("a store in one step that the TLB has")
    @OperationsPerInvocation(BATCH)
    public void store(Hits of) {
        int first = of.next();
        int[] picks = of.picks;
        FlatMemory memory = of.flat;
        for (int i = first; i < first + BATCH; i++) {
            memory.storeLong(BASE + picks[i], 0);
        }
    }

    /**
     * Stores to an array at the same offsets.
     *
     * @param of the pages
     */
    @Benchmark
    @About("a store at the same offset of an array of bytes")
    @OperationsPerInvocation(BATCH)
    public void plainStore(Hits of) {
        int first = of.next();
        byte[] plain = of.plain;
        for (int i = first; i < first + BATCH; i++) {
            LONG.set(plain, of.picks[i], 0L);
        }
    }
}
