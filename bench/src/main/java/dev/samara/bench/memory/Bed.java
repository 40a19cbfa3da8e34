// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.memory;

import static dev.samara.core.mman.Mman.ANONYMOUS;
import static dev.samara.core.mman.Mman.FIXED;
import static dev.samara.core.mman.Mman.NORESERVE;
import static dev.samara.core.mman.Mman.PRIVATE;
import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.SHARED;
import static dev.samara.core.mman.Mman.WRITE;

import dev.samara.core.backing.CachedBacking;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.event.ShootdownDelivery;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.cpu.LazyContext;
import dev.samara.core.internal.cpu.Shootdowns;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.memory.CommittedMemory;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.PageTable.TableReserve;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.Layout.Origin;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.space.MachineThreads;
import dev.samara.core.internal.space.Spaces;
import dev.samara.core.internal.sync.Rcu;
import dev.samara.core.internal.syscall.Mmap;
import dev.samara.core.internal.syscall.Mmap.Munmap;
import dev.samara.core.internal.syscall.Syscall;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.PageCache;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * A space in which one thread repeatedly faults in and removes pages.
 *
 * <p>It uses packages below the facade, which are not exported. Pages are removed by clearing their entries, because no
 * other thread can be using them. An operation of a space would also allocate, and wait for a grace period.
 */
final class Bed {
    static final int PAGE_SHIFT = 12;
    static final long PAGE = 1L << PAGE_SHIFT;

    /** The number of pages of a mapping. A hole of half that size follows each mapping. */
    static final int PAGES = 64;

    private static final long STRIDE = PAGES * PAGE * 3 / 2;
    private static final long BASE = 0x1000_0000_0000L;

    /** The number of pages of the file that all mappings share. */
    private static final int FILE_PAGES = 16 * PAGES;

    private static final int MOST_FRAMES = 1 << 17;

    private static final Geometry GEOMETRY = Geometry.LINUX_X86_64;

    final Kind kind;
    final MachineMemory memory;
    final Layout layout;
    final PageTableContext context;
    final FilePages cache;

    /** The addresses to fault in. They are distinct and used cyclically; their number is a power of two. */
    final long[] addresses;

    private final PageTable table;
    private final Frames frames;

    /** The kinds of faults. */
    enum Kind {
        /** A single page of a file that is in memory. */
        FILE_1(1, READ),
        /** Like {@link #FILE_1}, with the fifteen pages around it. */
        FILE_16(16, READ),
        /**
         * Like {@link #FILE_1}, but from a backing without fault-around: the fault acquires a reference and requests
         * the page.
         */
        SLOW(1, READ),
        /** The first write to anonymous memory. */
        ANONYMOUS(1, WRITE),
        /** The first read of anonymous memory, which maps the zero page. */
        ZERO(1, READ),
        /** The first write to a page of a file in a private mapping, after a read. */
        COPY(1, WRITE);

        final int window;
        final int access;

        Kind(int window, int access) {
            this.window = window;
            this.access = access;
        }

        boolean isOfFile() {
            return this != ANONYMOUS && this != ZERO;
        }
    }

    /**
     * Creates the mappings, and draws the addresses.
     *
     * @param vmas the number of mappings
     * @param isNearby whether addresses ascend through the mappings; otherwise they are random
     */
    Bed(Kind kind, int vmas, boolean isNearby) {
        this.kind = kind;
        MachineState host = new MachineState(new MachineState.Settings(
                vmas + 100,
                0,
                CommittedMemory.UNLIMITED,
                Long.MAX_VALUE,
                Long.MAX_VALUE,
                new MachineThreads(
                        report -> {
                            throw new IllegalStateException(report.message());
                        },
                        Long.MAX_VALUE,
                        null,
                        null,
                        false),
                (of, shift) -> memory(of, kind.window)));
        layout = new Layout(
                new Spaces(host, Munmap::close),
                new Origin(
                        null,
                        GEOMETRY,
                        Set.of(),
                        Map.of(),
                        true,
                        0x5555_5555_5000L,
                        0x5555_5555_5000L,
                        0,
                        0,
                        GEOMETRY.limit(),
                        false,
                        false),
                List.of());
        memory = layout.memory();
        frames = memory.frames;
        table = layout.pages();
        context = memory.contexts.newContext("bench");
        cache = new FilePages(memory, FILE_PAGES * PAGE, false);
        Backing file = kind == Kind.SLOW ? new AskedFile(cache) : new MemoryFile("/file", 1, cache).open();
        for (int i = 0; i < FILE_PAGES; i++) {
            cache.frameFor(i);
        }
        for (int i = 0; i < vmas; i++) {
            long offset = i % 16L * PAGES * PAGE;
            int protection = kind.access | READ;
            int how = kind == Kind.FILE_1 || kind == Kind.FILE_16 || kind == Kind.SLOW ? SHARED : PRIVATE;
            int flags = FIXED | NORESERVE | how | (kind.isOfFile() ? 0 : ANONYMOUS);
            Mmap call =
                    Mmap.of(layout, start(i), PAGES * PAGE, protection, flags, kind.isOfFile() ? file : null, offset);
            long result = Syscall.run(layout, call);
            if (Errno.isError(result)) {
                throw new IllegalStateException("the space could not be filled: " + Errno.of(result));
            }
        }
        addresses = addresses(vmas, isNearby);
        // Creates the page tables before the first fault, as in a space that was used for some time.
        for (long address : addresses) {
            table.leafFromReserve(address, TableReserve.NONE);
        }
    }

    private static MachineMemory memory(MachineState host, int window) {
        int chunkShift = 10;
        Rcu rcu = new Rcu(new Rcu.Settings(
                host.threads.tasks,
                host.threads.housekeeping,
                1 << 16,
                Rcu.AtBound.WAIT,
                Long.MAX_VALUE,
                message -> {}));
        DirectFrames store = new DirectFrames(PAGE_SHIFT, chunkShift, MOST_FRAMES + 1);
        return new MachineMemory(
                new Frames(store, PAGE_SHIFT, chunkShift, MOST_FRAMES, false),
                rcu,
                new Shootdowns(
                        new Cpus(LazyContext.Shootdown::new),
                        Long.MAX_VALUE,
                        message -> {},
                        ShootdownDelivery.POLLED,
                        thrown -> {},
                        false),
                window,
                MachineMemory.UNCHECKED,
                null,
                new MachineMemory.IndexBudget(Long.MAX_VALUE));
    }

    private static long start(int i) {
        return BASE + i * STRIDE;
    }

    private long[] addresses(int vmas, boolean isNearby) {
        int each = PAGES / kind.window;
        long[] all = new long[vmas * each];
        for (int i = 0; i < all.length; i++) {
            all[i] = start(i / each) + (long) (i % each) * kind.window * PAGE;
        }
        if (!isNearby) {
            SplittableRandom random = new SplittableRandom(42);
            for (int i = all.length - 1; i > 0; i--) {
                int j = random.nextInt(i + 1);
                long swapped = all[i];
                all[i] = all[j];
                all[j] = swapped;
            }
        }
        return Arrays.copyOf(all, Integer.highestOneBit(all.length));
    }

    /** Restores the page of an address to its state before the fault. */
    void undo(long address) {
        long[] leaf = table.leafFromReserve(address, TableReserve.NONE);
        int index = table.indexOf(address);
        for (int i = index; i < index + kind.window; i++) {
            long pte = Leaf.getAndSet(leaf, i, Pte.NONE);
            if (Pte.isOwn(pte)) {
                frames.drop(Pte.frame(pte), context.magazine);
            }
        }
    }

    /** Throws unless a fault left the page of an address in the expected state. */
    void check(long address) {
        for (int i = 0; i < kind.window; i++) {
            long pte = table.get(address + i * PAGE);
            boolean isThere = Pte.isPresent(pte) && ((kind.access & Mman.WRITE) == 0 || Pte.has(pte, Pte.WRITE));
            if (!isThere) {
                throw new IllegalStateException("a fault has left " + Pte.toString(pte));
            }
        }
    }

    /** A file without fault-around, so that each fault requests its page. */
    static final class AskedFile extends CachedBacking {
        AskedFile(PageCache cache) {
            super("/asked", cache);
        }

        @Override
        public void rcuMapPages(Backing.PageWindow window) {
            // Maps nothing, so that the fault requests the page.
        }

        @Override
        protected boolean read(long page, int frame, FrameStore store) {
            return true;
        }
    }
}
