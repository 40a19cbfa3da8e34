// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.memory;

import static dev.samara.core.mman.MapFlags.ANONYMOUS;
import static dev.samara.core.mman.MapFlags.FIXED;
import static dev.samara.core.mman.MapFlags.PRIVATE;
import static dev.samara.core.mman.Protection.READ;
import static dev.samara.core.mman.Protection.WRITE;

import dev.samara.bench.About;
import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.vma.Geometry;
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
 * Accesses of a guest to present pages: by handles from the TLB, by handles that need a walk, and by address.
 *
 * <p>The baseline of each is an access without an address space: to an array of bytes at the same offsets, to an array
 * of entries instead of the page table, or one volatile store instead of GUEST and back. If each address depends on the
 * previous value, that value is always 0, which the compiler does not know.
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

    /** The number of accesses between polls, as in a guest with short basic blocks. */
    private static final int POLLED = 32;

    private static final int PAGE_SHIFT = 12;
    private static final long MEMORY = 64L << 20;
    private static final long BASE = 0x1000_0000_0000L;
    private static final int PICKS = 1 << 14;
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle ELEMENT = MethodHandles.arrayElementVarHandle(long[].class);

    /** Called by JMH. */
    public GuestAccessBenchmark() {}

    /** A CPU in GUEST, with pages that it has written. */
    private static final class GuestCpu {
        final AddressSpace space;
        final Cpu cpu;
        final GuestMemory memory;

        GuestCpu(int pages, int entries, boolean isWhole) {
            Machine.Builder builder = Machine.builder().memory(MEMORY).tlbEntries(entries);
            Machine machine = (isWhole ? builder.memoryPiece(MEMORY) : builder).build();
            space = machine.newSpace(Geometry.LINUX_X86_64);
            long length = (long) pages << PAGE_SHIFT;
            long start = space.mmap(BASE, length, READ | WRITE, PRIVATE | ANONYMOUS | FIXED, null, 0);
            if (Errno.isError(start)) {
                throw new IllegalStateException("the pages could not be mapped: " + Errno.of(start));
            }
            cpu = machine.claimCpu();
            cpu.switchTo(space);
            memory = cpu.memory();
            for (int i = 0; i < pages; i++) {
                if (!Fault.isDone(memory.store(BASE + ((long) i << PAGE_SHIFT), Long.BYTES, 0))) {
                    throw new IllegalStateException("a page could not be written");
                }
            }
            cpu.enterGuest();
        }

        void close() {
            cpu.leaveGuest();
            cpu.close();
            space.close();
        }
    }

    /** Accesses to a working set that the TLB holds. */
    @State(Scope.Thread)
    public static class Hits {
        /** The number of pages: a power of two. */
        @Param({"8", "64", "2048"})
        public int pages;

        /** Whether an address depends on the previous value. */
        @Param({"independent", "dependent"})
        public String pattern;

        /** Whether all memory is one chunk, or chunks of 4 MiB. */
        @Param({"whole", "pieces"})
        public String memory;

        private GuestCpu guest;
        private Cpu cpu;
        private GuestMemory guestMemory;
        private byte[] plain;
        private long[] words;
        private boolean isDependent;
        private final int[] picks = new int[PICKS];
        private int position;

        /** Called by JMH; {@link #setUp()} does the rest. */
        public Hits() {}

        /** Maps the pages and draws the offsets. */
        @Setup(Level.Trial)
        public void setUp() {
            guest = new GuestCpu(pages, pages > 64 ? 4096 : 256, memory.equals("whole"));
            cpu = guest.cpu;
            guestMemory = guest.memory;
            plain = new byte[pages << PAGE_SHIFT];
            words = new long[plain.length / Long.BYTES];
            isDependent = pattern.equals("dependent");
            SplittableRandom random = new SplittableRandom(42);
            for (int i = 0; i < PICKS; i++) {
                picks[i] = random.nextInt(plain.length) & -Long.BYTES;
            }
            for (int i = 0; i < pages; i++) {
                resolved(guestMemory, BASE + ((long) i << PAGE_SHIFT));
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

    private static long resolved(GuestMemory memory, long address) {
        long handle = memory.resolveStore(address, Long.BYTES);
        if (handle < 0) {
            throw new IllegalStateException("a page is not there: " + handle);
        }
        return handle;
    }

    private static long load(GuestMemory memory, long address) {
        long handle = memory.probeLoad(address, Long.BYTES);
        return memory.get(handle == GuestMemory.MISS ? resolved(memory, address) : handle, Long.BYTES);
    }

    /**
     * Loads with a hit in the TLB each.
     *
     * @param of the pages
     * @return the value read
     */
    @Benchmark
    @About("a load by a handle that the TLB has, at random in 8, 64 or 2,048 pages")
    @OperationsPerInvocation(BATCH)
    public long hit(Hits of) {
        int first = of.next();
        int[] picks = of.picks;
        GuestMemory memory = of.guestMemory;
        long sum = 0;
        if (of.isDependent) {
            for (int i = first; i < first + BATCH; i++) {
                sum += load(memory, BASE + picks[i] + sum);
            }
            return sum;
        }
        for (int i = first; i < first + BATCH; i++) {
            sum += load(memory, BASE + picks[i]);
        }
        return sum;
    }

    /**
     * Loads with a hit in the TLB each, with a poll after every 32.
     *
     * @param of the pages
     * @return the value read
     */
    @Benchmark
    @About("a load by a handle that the TLB has, with a poll after every 32 loads")
    @OperationsPerInvocation(BATCH)
    public long polledHit(Hits of) {
        int first = of.next();
        int[] picks = of.picks;
        GuestMemory memory = of.guestMemory;
        Cpu cpu = of.cpu;
        long sum = 0;
        boolean isDependent = of.isDependent;
        for (int block = first; block < first + BATCH; block += POLLED) {
            if (isDependent) {
                for (int i = block; i < block + POLLED; i++) {
                    sum += load(memory, BASE + picks[i] + sum);
                }
            } else {
                for (int i = block; i < block + POLLED; i++) {
                    sum += load(memory, BASE + picks[i]);
                }
            }
            cpu.poll();
        }
        return sum;
    }

    /**
     * Loads in the two loops of {@link #polledHit}, without the poll.
     *
     * @param of the pages
     * @return the value read
     */
    @Benchmark
    @About("the two loops of polledHit without the poll")
    @OperationsPerInvocation(BATCH)
    public long unpolledHit(Hits of) {
        int first = of.next();
        int[] picks = of.picks;
        GuestMemory memory = of.guestMemory;
        long sum = 0;
        boolean isDependent = of.isDependent;
        for (int block = first; block < first + BATCH; block += POLLED) {
            if (isDependent) {
                for (int i = block; i < block + POLLED; i++) {
                    sum += load(memory, BASE + picks[i] + sum);
                }
            } else {
                for (int i = block; i < block + POLLED; i++) {
                    sum += load(memory, BASE + picks[i]);
                }
            }
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
     * Loads by address in GUEST.
     *
     * @param of the pages
     * @return the value read
     */
    @Benchmark
    @About("a load by address, in GUEST")
    @OperationsPerInvocation(BATCH)
    public long byAddress(Hits of) {
        return byAddresses(of);
    }

    /**
     * Loads by address that enter GUEST and leave it again.
     *
     * @param of the pages
     * @return the value read
     */
    @Benchmark
    @About("a load by address that enters GUEST and leaves it")
    @OperationsPerInvocation(BATCH)
    public long byAddressOutside(Hits of) {
        of.cpu.leaveGuest();
        long sum = byAddresses(of);
        of.cpu.enterGuest();
        return sum;
    }

    private static long byAddresses(Hits of) {
        int first = of.next();
        int[] picks = of.picks;
        GuestMemory memory = of.guestMemory;
        long sum = 0;
        long needed = of.isDependent ? -1 : 0;
        for (int i = first; i < first + BATCH; i++) {
            sum += memory.load(BASE + picks[i] + (sum & needed), Long.BYTES);
            sum += memory.value();
        }
        return sum;
    }

    /**
     * Stores with a hit in the TLB each.
     *
     * @param of the pages
     */
    @Benchmark
    @About("a store by a handle that the TLB has")
    @OperationsPerInvocation(BATCH)
    public void store(Hits of) {
        int first = of.next();
        GuestMemory memory = of.guestMemory;
        for (int i = first; i < first + BATCH; i++) {
            long address = BASE + of.picks[i];
            long handle = memory.probeStore(address, Long.BYTES);
            memory.put(handle == GuestMemory.MISS ? resolved(memory, address) : handle, Long.BYTES, 0);
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

    /**
     * Atomic additions of zero, with a hit in the TLB each.
     *
     * @param of the pages
     * @return the value before
     */
    @Benchmark
    @About("an atomic addition by a handle that the TLB has")
    @OperationsPerInvocation(BATCH)
    public long atomic(Hits of) {
        int first = of.next();
        GuestMemory memory = of.guestMemory;
        long sum = 0;
        for (int i = first; i < first + BATCH; i++) {
            long address = BASE + of.picks[i];
            long handle = memory.probeStore(address, Long.BYTES);
            sum += memory.add(handle == GuestMemory.MISS ? resolved(memory, address) : handle, Long.BYTES, 0);
        }
        return sum;
    }

    /**
     * Atomic additions of zero in an array.
     *
     * @param of the pages
     * @return the value before
     */
    @Benchmark
    @About("an atomic addition at the same offset of an array")
    @OperationsPerInvocation(BATCH)
    public long plainAtomic(Hits of) {
        int first = of.next();
        long[] words = of.words;
        long sum = 0;
        for (int i = first; i < first + BATCH; i++) {
            sum += (long) ELEMENT.getAndAdd(words, of.picks[i] >>> 3, 0L);
        }
        return sum;
    }

    /** Pages in an order in which the TLB, which is smaller, never holds the next one. */
    @State(Scope.Thread)
    public static class Misses {
        private static final int ENTRIES = 256;

        /** The number of pages: a power of two, and greater than the number of entries of the TLB. */
        @Param("4096")
        public int pages;

        private GuestCpu guest;
        private GuestMemory guestMemory;
        private int[] order;
        private long[] flat;
        private final long[] tags = new long[ENTRIES];
        private final long[] frames = new long[ENTRIES];
        private int position;

        /** Called by JMH; {@link #setUp()} does the rest. */
        public Misses() {}

        /** Maps the pages and draws their order. */
        @Setup(Level.Trial)
        public void setUp() {
            guest = new GuestCpu(pages, ENTRIES, true);
            guestMemory = guest.memory;
            order = new int[pages];
            flat = new long[pages];
            SplittableRandom random = new SplittableRandom(42);
            for (int i = 0; i < pages; i++) {
                int j = random.nextInt(i + 1);
                order[i] = order[j];
                order[j] = i;
                flat[i] = resolved(guestMemory, BASE + ((long) i << PAGE_SHIFT)) | 1;
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
     * Translations that are in the page table and not in the TLB.
     *
     * @param of the pages
     * @return the sum of the handles
     */
    @Benchmark
    @About("a TLB miss on a page that is present")
    @OperationsPerInvocation(BATCH)
    public long miss(Misses of) {
        int first = of.next();
        GuestMemory memory = of.guestMemory;
        long sum = 0;
        for (int i = first; i < first + BATCH; i++) {
            long address = BASE + ((long) of.order[i & (of.pages - 1)] << PAGE_SHIFT);
            long handle = memory.probeLoad(address, Long.BYTES);
            sum += handle == GuestMemory.MISS ? memory.resolveLoad(address, Long.BYTES) : handle;
        }
        return sum;
    }

    /**
     * Translations by a table of one level.
     *
     * @param of the pages
     * @return the sum of the handles
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
            long address = BASE + ((long) of.order[i & (of.pages - 1)] << PAGE_SHIFT);
            int slot = (int) (address >>> PAGE_SHIFT);
            if (tags[slot & tags.length - 1] == address) {
                sum += frames[slot & frames.length - 1];
                continue;
            }
            long index = (address - BASE) >>> PAGE_SHIFT;
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

        /** Called by JMH; {@link #setUp()} does the rest. */
        public Entries() {}

        /** Maps. */
        @Setup(Level.Trial)
        public void setUp() {
            guest = new GuestCpu(1, 256, true);
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
     * One volatile store.
     *
     * @param of where
     */
    @Benchmark
    @About("one volatile store")
    public void volatileStore(Entries of) {
        of.word = 1;
    }
}
