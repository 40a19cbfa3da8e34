// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.memory;

import dev.samara.bench.About;
import dev.samara.core.Cpu;
import dev.samara.core.guest.FlatMemory;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
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
 * TLB misses, and entering and leaving GUEST. The baselines are an array of entries instead of the page table, and one
 * volatile store.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 2,
        jvmArgsAppend = {"-Xms1g", "-Xmx1g", "-XX:+AlwaysPreTouch"})
public class TlbMissBenchmark {
    private static final int BATCH = 1 << 10;
    private static final VarHandle ELEMENT = MethodHandles.arrayElementVarHandle(long[].class);

    /** Called by JMH. */
    public TlbMissBenchmark() {}

    /** Pages in an order in which each access misses the TLB, which is smaller. */
    @State(Scope.Thread)
    public static class Misses {
        private static final int ENTRIES = 256;

        /** The number of pages: a power of two that is greater than the number of TLB entries. */
        @Param("4096")
        public int pages;

        private GuestCpu guest;
        private FlatMemory memory;
        private int[] order;
        private long[] flat;
        private final long[] tags = new long[ENTRIES];
        private final long[] frames = new long[ENTRIES];
        private int position;

        /** Called by JMH; {@link #setUp()} creates the state. */
        public Misses() {}

        /** Maps the pages and draws their order. */
        @Setup(Level.Trial)
        public void setUp() {
            guest = new GuestCpu(pages, ENTRIES);
            memory = guest.flat;
            order = new int[pages];
            flat = new long[pages];
            SplittableRandom random = new SplittableRandom(42);
            for (int i = 0; i < pages; i++) {
                int j = random.nextInt(i + 1);
                order[i] = order[j];
                order[j] = i;
                long entry = (long) i << GuestCpu.PAGE_SHIFT;
                flat[i] = entry | 1;
                memory.storeLong(GuestCpu.BASE + entry, entry);
            }
        }

        /** Unmaps. */
        @TearDown(Level.Trial)
        public void tearDown() {
            guest.close();
        }

        private int next() {
            int first = position;
            position = (position + BATCH) & (pages - 1);
            return first;
        }
    }

    /**
     * Loads from pages that are in the page table, but not in the TLB.
     *
     * @param of the pages
     * @return the sum of the values read
     */
    @Benchmark
    @About("a load that misses the TLB, from a page that is present")
    @OperationsPerInvocation(BATCH)
    public long miss(Misses of) {
        int first = of.next();
        FlatMemory memory = of.memory;
        long sum = 0;
        for (int i = first; i < first + BATCH; i++) {
            long address = GuestCpu.BASE + ((long) of.order[i & (of.pages - 1)] << GuestCpu.PAGE_SHIFT);
            sum += memory.loadLong(address);
        }
        return sum;
    }

    /**
     * Translates through a table of one level.
     *
     * @param of the pages
     * @return the sum of the entries
     */
    @Benchmark
    @About("a TLB miss with a page table of one level, which is one array")
    @OperationsPerInvocation(BATCH)
    public long flatMiss(Misses of) {
        int first = of.next();
        long sum = 0;
        long[] flat = of.flat;
        long[] tags = of.tags;
        long[] frames = of.frames;
        for (int i = first; i < first + BATCH; i++) {
            long address = GuestCpu.BASE + ((long) of.order[i & (of.pages - 1)] << GuestCpu.PAGE_SHIFT);
            int slot = (int) (address >>> GuestCpu.PAGE_SHIFT);
            if (tags[slot & tags.length - 1] == address) {
                sum += frames[slot & frames.length - 1];
                continue;
            }
            long index = (address - GuestCpu.BASE) >>> GuestCpu.PAGE_SHIFT;
            if (index >= 0 && index < flat.length) {
                long entry = (long) ELEMENT.getAcquire(flat, (int) index);
                if ((entry & 1) != 0) {
                    tags[slot & tags.length - 1] = address;
                    frames[slot & frames.length - 1] = entry & -2;
                    sum += entry & -2;
                }
            }
        }
        return sum;
    }

    /** A CPU that enters GUEST and leaves it. */
    @State(Scope.Thread)
    public static class Entries {
        private GuestCpu guest;
        private Cpu cpu;
        volatile long word;

        /** Called by JMH; {@link #setUp()} creates the state. */
        public Entries() {}

        /** Maps a page. */
        @Setup(Level.Trial)
        public void setUp() {
            guest = new GuestCpu(1, 256);
            cpu = guest.cpu;
            cpu.leaveGuest();
        }

        /** Unmaps. */
        @TearDown(Level.Trial)
        public void tearDown() {
            cpu.enterGuest();
            guest.close();
        }
    }

    /**
     * Enters GUEST and leaves it.
     *
     * @param of the CPU
     */
    @Benchmark
    @About("enterGuest and leaveGuest, with no flush pending")
    public void guestAndBack(Entries of) {
        of.cpu.enterGuest();
        of.cpu.leaveGuest();
    }

    /**
     * Makes one volatile store.
     *
     * @param of the target of the store
     */
    @Benchmark
    @About("one volatile store")
    public void volatileStore(Entries of) {
        of.word = 1;
    }
}
