// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.memory;

import dev.samara.bench.About;
import dev.samara.bench.ThreadTime;
import dev.samara.core.internal.fault.Faulter;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.PageTable.TableReserve;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Vma;
import dev.samara.maple.Snapshot;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantReadWriteLock;
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
 * Measures one page fault on a single thread, by kind of fault.
 *
 * <p>An invocation faults in {@value #BATCH} absent pages. The pages are removed before the next invocation; {@link
 * ThreadTime} subtracts that time. A batch of anonymous pages reuses the frames of the previous batch, half a megabyte,
 * so the frames are in the processor's cache. {@link #nothing} measures the loop, the clock readings and JMH's own
 * cost, which all other figures include.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 2,
        jvmArgsAppend = {"-Xms1g", "-Xmx1g", "-XX:+AlwaysPreTouch"})
public class FaultBenchmark {
    static final int BATCH = 128;

    /** Called by JMH. */
    public FaultBenchmark() {}

    /** A space with pages to fault. */
    @State(Scope.Thread)
    public abstract static class FaultPages {
        /** The order of the faults: ascending or random pages. */
        @Param({"random", "nearby"})
        public String where;

        /** The number of mappings. */
        @Param("1000")
        public int vmas;

        Bed bed;
        Faulter faulter;
        LockedFaults locked;
        int position;
        boolean haveFaulted;

        /** Called by JMH; {@link #setUp()} creates the state. */
        FaultPages() {}

        abstract String kind();

        /** Creates the mappings. */
        @Setup(Level.Trial)
        public void setUp() {
            bed = new Bed(Bed.Kind.valueOf(kind().toUpperCase(Locale.ROOT)), vmas, where.equals("nearby"));
            faulter = new Faulter(bed.layout, bed.context);
            locked = new LockedFaults(bed);
            prepare();
        }

        /** Removes the pages of the last invocation. */
        @Setup(Level.Invocation)
        public void undo() {
            long began = ThreadTime.now();
            for (int i = 0; i < BATCH; i++) {
                bed.undo(at(i));
            }
            position += BATCH;
            prepare();
            ThreadTime.leaveOut(began);
        }

        /** Reads the pages of a private mapping before they are written. */
        private void prepare() {
            if (bed.kind == Bed.Kind.COPY) {
                for (int i = 0; i < BATCH; i++) {
                    faulter.fault(at(i), Mman.READ);
                }
            }
        }

        /** Checks the pages of the last invocation. */
        @TearDown(Level.Trial)
        public void tearDown() {
            for (int i = 0; haveFaulted && i < BATCH; i++) {
                bed.check(at(i));
            }
        }

        long at(int i) {
            return bed.addresses[(position + i) & (bed.addresses.length - 1)];
        }
    }

    /** All kinds of faults. */
    @State(Scope.Thread)
    public static class AllPages extends FaultPages {
        /** The kind of fault. */
        @Param({"file_1", "file_16", "slow", "anonymous", "zero", "copy"})
        public String kind;

        /** Called by JMH. */
        public AllPages() {}

        @Override
        String kind() {
            return kind;
        }
    }

    /** The kinds of faults that request no page from a backing and never wait. */
    @State(Scope.Thread)
    public static class EasyPages extends FaultPages {
        /** The kind of fault. */
        @Param({"file_1", "file_16", "anonymous", "zero"})
        public String kind;

        /** Called by JMH. */
        public EasyPages() {}

        @Override
        String kind() {
            return kind;
        }
    }

    /**
     * Faults in pages as the library does.
     *
     * @param pages the space
     * @return the number of faults that were not minor, always 0
     */
    @Benchmark
    @About("one fault: a page of a file, 16 pages of a file, a page from the backing, anonymous, zero page, copy")
    @OperationsPerInvocation(BATCH)
    public int fault(AllPages pages) {
        int others = 0;
        int access = pages.bed.kind.access;
        for (int i = 0; i < BATCH; i++) {
            others += pages.faulter.fault(pages.at(i), access) == Fault.NONE ? 0 : 1;
        }
        pages.haveFaulted = true;
        return others;
    }

    /**
     * Does a fault's page table work under a read-write lock, with a sorted map of mappings. Supports only anonymous
     * pages and pages of files.
     *
     * @param pages the space
     * @return the number of faults that were not minor, always 0
     */
    @Benchmark
    @About("one fault in a page table and a TreeMap behind a read-write lock (not slow, not copy)")
    @OperationsPerInvocation(BATCH)
    public int treeMapAndLock(EasyPages pages) {
        int others = 0;
        int access = pages.bed.kind.access;
        for (int i = 0; i < BATCH; i++) {
            others += pages.locked.fault(pages.at(i), access) == Fault.NONE ? 0 : 1;
        }
        pages.haveFaulted = true;
        return others;
    }

    /**
     * Does the same as the other benchmarks, without the faults.
     *
     * @param pages the space
     * @return an arbitrary number
     */
    @Benchmark
    @About("the part of both figures that is no fault")
    @OperationsPerInvocation(BATCH)
    public long nothing(EasyPages pages) {
        long sum = 0;
        for (int i = 0; i < BATCH; i++) {
            sum += pages.at(i);
        }
        return sum;
    }

    /**
     * The faults of an address space that stores its mappings in a sorted map with a read-write lock. A fault holds the
     * lock for reading until the page is installed, so it need not recheck anything. It does the same work in the page
     * table as a fault of the library.
     */
    static final class LockedFaults {
        private final TreeMap<Long, Vma> vmas = new TreeMap<>();
        private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
        private final PageTable table;
        private final Frames frames;
        private final FilePages cache;
        private final PageTableContext context;
        private final int window;

        LockedFaults(Bed bed) {
            table = bed.layout.pages();
            frames = bed.memory.frames;
            cache = bed.cache;
            context = bed.context;
            window = bed.kind.window;
            Snapshot<VmArea> snapshot = bed.layout.snapshot();
            snapshot.forEach((first, last, vma) -> vmas.put(first, vma));
        }

        int fault(long address, int access) {
            lock.readLock().lock();
            try {
                Vma vma = find(address);
                if (vma == null) {
                    return Fault.MAPERR;
                }
                if ((vma.flags() & access) != access) {
                    return Fault.ACCERR;
                }
                return vma.isAnonymous() ? anonymous(address, access) : ofFile(vma, address);
            } finally {
                lock.readLock().unlock();
            }
        }

        private @Nullable Vma find(long address) {
            Map.Entry<Long, Vma> entry = vmas.floorEntry(address);
            return entry != null && entry.getValue().contains(address) ? entry.getValue() : null;
        }

        private int anonymous(long address, int access) {
            boolean writes = (access & Mman.WRITE) != 0;
            int frame = writes ? frames.allocate(context.magazine) : Frames.ZERO;
            if (frame == Frames.NONE) {
                return Fault.OUT_OF_MEMORY;
            }
            long bits = Pte.READ | Pte.ACCESSED | (writes ? Pte.OWN | Pte.EXCLUSIVE | Pte.WRITE | Pte.DIRTY : Pte.ZERO);
            long[] leaf = table.leafFromReserve(address, TableReserve.NONE);
            Leaf.lock(leaf);
            try {
                Leaf.fill(leaf, table.indexOf(address), Pte.present(frame, bits));
                return Fault.NONE;
            } finally {
                Leaf.unlock(leaf);
            }
        }

        private int ofFile(Vma vma, long address) {
            long page = (vma.pageOffset() + ((address - vma.start()) >>> Bed.PAGE_SHIFT)) & -window;
            long[] leaf = table.leafFromReserve(address, TableReserve.NONE);
            int index = table.indexOf(address) & -window;
            Leaf.lock(leaf);
            try {
                for (int i = 0; i < window; i++) {
                    int frame = cache.frameAt(page + i);
                    if (frame != Frames.NONE && frames.isCached(frame, cache.number, page + i)) {
                        Leaf.fill(leaf, index + i, Pte.present(frame, Pte.READ | Pte.ACCESSED));
                    }
                }
                return Fault.NONE;
            } finally {
                Leaf.unlock(leaf);
            }
        }
    }
}
