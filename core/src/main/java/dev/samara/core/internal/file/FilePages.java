// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageCaches;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.DiscardPages;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.CheckedLock;
import dev.samara.core.internal.sync.Housekeeping.RetriedTask;
import dev.samara.core.internal.sync.Rcu.NoWaiting;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.internal.vma.VmArea.FileLink;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.VmaFlags;
import java.lang.invoke.ConstantBootstraps;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The page cache of one file of one machine ({@code struct address_space}).
 *
 * <p>It consists of three parts, because of their lifetimes:
 *
 * <ul>
 *   <li>This object, through which users and mappings reach the cache. A file of which no page was ever used has only
 *       this part, even if it is mapped. It contains the {@link ReverseMap}, i.e. the VMAs that map the file.
 *   <li>{@link CachedPages}: the pages in memory, created with the first page or the first change. {@link PageCaches}
 *       refers only to this part, which refers to this object only weakly, and to no mapping. So an otherwise
 *       unreachable cache can be garbage-collected, and its pages are freed afterwards.
 *   <li>The changes of the file ({@link Truncation}), which refer to this object.
 * </ul>
 *
 * <p>A <b>saved</b> file is one whose content is also stored elsewhere, e.g. in a host file. Its pages are read from
 * there ({@link PageRead}), are written back ({@link WriteBack}), and are freed even while they are mapped ({@link
 * Eviction}).
 *
 * <p><b>Inserting.</b> Every insertion holds the content lock, and rechecks there that the cache is not closed, that
 * the page is within the size, and that it is still absent. A frame is either allocated with zeros, for the first
 * access to a page of a file without a backing, or for a backing, which fills it before it inserts it; or it is
 * allocated with arbitrary content for a read of several pages, and becomes a page only after it was read completely.
 *
 * <p><b>Reads under way.</b> Pages are read without a lock of the library. An operation that changes the stored
 * content, or requires a new read, makes the read of the page stale. The bytes that were read may be older than the
 * change, so the page is not inserted. Reads of other pages are not affected. Two operations make reads stale:
 *
 * <ul>
 *   <li>A removal of pages makes stale all reads of these pages that are under way at that time.
 *   <li>A write of pages makes stale all reads of these pages that are under way at any time between its start and its
 *       end. There is one write at a time. The pages being written are either all pinned, or none of them is in memory.
 *       So a frame can be inserted for one of these pages only after the end of the write, or after a removal.
 * </ul>
 *
 * <p><b>Bytes</b> ({@code filemap_read} and {@code generic_perform_write} in {@code mm/filemap.c}). A read looks up
 * each page in a reader section, so the frame is not freed while it is copied. A write holds the inode lock, so no page
 * that it found or inserted is removed before the page is marked dirty. If no frame is free, a write reclaims pages
 * while it holds that lock. The reclaim may free clean pages of the same file, but the write uses no frame while it
 * reclaims pages.
 */
public final class FilePages extends PageCache {
    /**
     * No frame is free. This and the following two numbers are the reasons why a page cache returns no frame. Each is
     * below {@link Frames#NONE}; callers may use smaller numbers for further reasons.
     */
    public static final int NO_MEMORY = Frames.NONE - 1;

    /** The result of an insertion of a page whose read is stale. */
    public static final int STALE = NO_MEMORY - 1;

    /** The result of an insertion of a page that an eviction may put back. */
    public static final int EVICTED = STALE - 1;

    /** The result of a read or a write of bytes of which the page must first be read into the cache. */
    private static final int ABSENT = EVICTED - 1;

    /** The result of a write that has to start over, because a block was inserted or evicted. */
    private static final int CHANGED = ABSENT - 1;

    /** The number of pages that {@link #countPages} collects at once. */
    private static final int COUNTED = 64;

    private static final VarHandle PRESENT = ConstantBootstraps.fieldVarHandle(
            MethodHandles.lookup(), "present", VarHandle.class, FilePages.class, Truncation.class);

    public final MachineMemory memory;
    private final Frames frames;
    private final boolean isOfZeros;

    /** The number of pages of a block; 1 if the file has no blocks. */
    public final int blockPages;

    /** The number of the cache. Its frames have this number as their owner. */
    public final long number;

    /** Declared next to {@code number}, because a fault reads both fields. Changed only before the file is mapped. */
    private long pteBits;

    /** The size in bytes until {@link #present} is created. */
    private final long firstSize;

    final ReverseMap mappings;

    /**
     * The uses of the System V segment whose memory this is, set before the segment is attached; null if this is not a
     * segment's memory.
     *
     * <p>Words: {@code segment}, {@code pteBits}.
     * Written: the thread that turns the cache into the memory of a segment, before a VMA maps it (plain).
     * Read: any thread that holds the mapping, the attachment or the segment (plain).
     * Invariant: never change once a VMA maps the file.
     */
    private @Nullable SegmentUse segment;

    /** Null if the file can never be sealed. */
    final @Nullable Seals seals;

    /**
     * Null before the first page or the first change of the file, and never changed afterwards.
     *
     * <p>Written: the first thread that inserts a page, changes or reads the file, or permits its reclaim
     *     (compare-and-set).
     * Read: any thread (volatile).
     * Pairs: the compare-and-set with the load: a thread that reads the object sees its content.
     * Invariant: null until one of these threads stores the object, and no page is in memory until then; afterwards
     *     always the same object.
     */
    private volatile @Nullable Truncation present;

    /**
     * Creates the cache of a file. No page is in memory.
     *
     * @param memory the machine's memory
     * @param size the size of the file in bytes, not negative
     * @param isOfZeros whether a page that is not in memory consists of zeros, so that no backing is needed to provide
     *     it
     */
    public FilePages(MachineMemory memory, long size, boolean isOfZeros) {
        this(memory, size, isOfZeros, memory.nextCache(), null, 1);
    }

    /**
     * Creates the cache of a saved file, without pages. A shortage of memory evicts its pages only after {@link
     * Eviction#evictUrgentlyBy}.
     *
     * @param memory the machine's memory
     * @param size the size of the file in bytes, not negative
     * @param counters count the bytes of the pages that this cache and others have in memory
     * @param most the total number of pages of all these caches up to which {@link Eviction#evict} is not called
     * @param spare the batches that the evictions of all these caches use in turn
     * @param blockPages the number of pages that are read, written and evicted together: 1, 4 or 16
     */
    public static FilePages ofSaved(
            MachineMemory memory,
            long size,
            Eviction.CachedBytes counters,
            long most,
            Eviction.SpareBatches spare,
            int blockPages) {
        FilePages file = new FilePages(memory, size, false, memory.nextCache() | Frames.SAVED, null, blockPages);
        Truncation present = file.present();
        present.cached.eviction = new Eviction(file, present, counters, most, spare);
        return file;
    }

    /** Creates the cache of a file whose content is initially zeros, and which can be sealed and executed. */
    public static FilePages ofSealable(MachineMemory memory, long size) {
        return ofSeals(memory, size, Seals.ofExecutable());
    }

    /** Creates the cache of a file whose content is initially zeros, and which can be sealed but never executed. */
    public static FilePages ofNoexec(MachineMemory memory, long size) {
        return ofSeals(memory, size, Seals.ofPlain());
    }

    private static FilePages ofSeals(MachineMemory memory, long size, Seals seals) {
        memory.caches.noteSealable();
        return new FilePages(memory, size, true, memory.nextCache(), seals, 1);
    }

    private FilePages(
            MachineMemory memory, long size, boolean isOfZeros, long number, @Nullable Seals seals, int blockPages) {
        this.memory = memory;
        this.blockPages = blockPages;
        this.number = number;
        this.isOfZeros = isOfZeros;
        pteBits = isOfZeros ? Pte.SHMEM : 0;
        frames = memory.frames;
        firstSize = size;
        this.seals = seals;
        mappings = new ReverseMap(this::unlinked);
    }

    /** Returns the parts of the cache that are created with its first page or first change. */
    Truncation present() {
        Truncation now = present;
        if (now == null) {
            PRESENT.compareAndSet(this, (Truncation) null, new Truncation(this, new CachedPages(this)));
            now = Objects.requireNonNull(present);
        }
        return now;
    }

    private CachedPages cached() {
        return present().cached;
    }

    /**
     * Removes all pages of the file. No VMA maps the file any more, so no page is inserted afterwards. The cache need
     * not be closed, because a late fault finds that its VMA is detached, and does not use the cache. May wait for CPUs
     * and for a grace period.
     */
    void end() {
        Truncation now = present;
        if (now != null) {
            now.remove(null, 0, Long.MAX_VALUE);
            now.cached.unregister();
        }
    }

    /**
     * Returns the bits that are set in each page table entry that maps a page of this cache: {@link Pte#SHMEM}, or
     * none.
     */
    public long pteBits() {
        return pteBits;
    }

    @Override
    protected void becomeSegment(Runnable whenRemoved) {
        if (segment != null || mappings.size() > 0) {
            throw new IllegalStateException(this + " is the memory of another segment, or is mapped already");
        }
        SegmentUse use = new SegmentUse(whenRemoved);
        segment = use;
        pteBits = Pte.SHMEM;
    }

    /** Returns whether this is the memory of a System V segment. */
    public boolean isOfSegment() {
        return segment != null;
    }

    private SegmentUse segment() {
        return Objects.requireNonNull(segment, "the cache of a segment");
    }

    /**
     * Returns whether this is the memory of a segment that is marked for removal and has exactly {@code vmas} uses, so
     * that the segment is removed once this number of VMAs is unmapped.
     */
    public boolean isRemovedWith(int vmas) {
        SegmentUse of = segment;
        return of != null && of.word.get() == (SegmentUse.MARKED | vmas);
    }

    @Override
    protected int attachments() {
        return (int) (segment().word.get() & SegmentUse.USES);
    }

    @Override
    protected void removeWhenDetached() {
        segment().mark();
    }

    @Override
    protected boolean isMarkedForRemoval() {
        return (segment().word.get() & SegmentUse.MARKED) != 0;
    }

    @Override
    protected boolean isRemoved() {
        return (segment().word.get() & SegmentUse.REMOVED) != 0;
    }

    /**
     * Starts the use of a segment by an attachment or a fork that is under way. Returns false if the segment was
     * removed.
     */
    public boolean beginUse() {
        AtomicLong word = segment().word;
        long now = word.get();
        while ((now & SegmentUse.REMOVED) == 0) {
            if (word.compareAndSet(now, now + 1)) {
                return true;
            }
            now = word.get();
        }
        return false;
    }

    /** Ends the use that {@link #beginUse} started. */
    public void endUse() {
        segment().end();
    }

    /**
     * The uses of a System V segment ({@code shm_nattch}), and its removal after the last use ({@code SHM_DEST}, {@code
     * shm_destroy}). A use is a VMA, from before it is published until its pages are retired; a {@code shmat} under
     * way; or a fork that will map the segment, because the parent may unmap its own VMA before the child's VMA exists.
     * Thread-safe; never waits.
     *
     * <p>The number of uses and the marks are in one word. So the removal is decided in one step, and no use starts
     * after it.
     */
    private final class SegmentUse extends RetriedTask {
        /** Whether the segment is removed with its last use. */
        private static final long MARKED = 1L << 32;

        /** Whether the segment was removed; never reset. */
        private static final long REMOVED = 1L << 33;

        private static final long USES = MARKED - 1;

        /**
         * Written: threads that begin a use of a segment, end it, or mark the segment (compare-and-set); a VMA begins a
         *     use by an addition (get-and-add).
         * Read: any thread (volatile).
         * Pairs: with itself. A VMA, an attachment and a fork begin a use before they depend on it, while there is
         *     another use or the segment is not marked. The removal is the update that ends the last use of a marked
         *     segment, or marks a segment without uses. So either a use finds the segment removed, or the removal finds
         *     the use.
         * Invariant: the number of uses, whether the segment is removed with the last use, and whether it was removed,
         *     which is never reset. {@code AttachmentsTest.beside}.
         */
        private final AtomicLong word = new AtomicLong();

        /** Called once the segment is removed, on the thread that ends the last use or marks the segment. */
        private final Runnable whenRemoved;

        SegmentUse(Runnable whenRemoved) {
            this.whenRemoved = whenRemoved;
        }

        /** Ends a use. After the last use of a marked segment, a thread of the machine frees the segment's pages. */
        private void end() {
            // A loop without a lambda, whose first call may find no memory: ends of uses must not throw.
            long now;
            long next;
            do {
                now = word.get();
                next = next(now - 1);
            } while (!word.compareAndSet(now, next));
            freeIfRemoved(next);
        }

        /** Marks the segment for removal. If it has no use, it is removed immediately. */
        private void mark() {
            long now;
            long next;
            do {
                now = word.get();
                next = next(now | MARKED);
            } while (!word.compareAndSet(now, next));
            if ((now & REMOVED) == 0) {
                freeIfRemoved(next);
            }
        }

        /** Returns the word; if it is that of a marked segment without uses, adds {@link #REMOVED}. */
        private static long next(long word) {
            return word == MARKED ? MARKED | REMOVED : word;
        }

        private void freeIfRemoved(long next) {
            if (next == (MARKED | REMOVED)) {
                whenRemoved.run();
                try {
                    memory.rcu.call(this);
                } catch (OutOfMemoryError | StackOverflowError exhausted) {
                    // The removal could not be scheduled. The pages are freed later, when the cache is found to be
                    // unreachable.
                }
            }
        }

        /**
         * Frees the pages of a segment that is not mapped any more. A fault of the last VMA may still be under way and
         * insert a page later. So the file stays registered, and ends when no thread can reach it.
         */
        @Override
        public boolean attempt() {
            Truncation now = present;
            if (now != null) {
                now.remove(null, 0, Long.MAX_VALUE);
            }
            return true;
        }
    }

    @Override
    public int mappings() {
        return mappingsOf(0, -1).linked();
    }

    /** Returns the mappings of the pages from {@code first} to {@code last}, inclusive, in all spaces. */
    public PageMappings mappingsOf(long first, long last) {
        return new PageMappings(mappings, first, last);
    }

    /**
     * Counts the page table entries that map a page of a file ({@code folio_mapcount}). Because frames of a page cache
     * do not count their mappings, it checks each mapping of the file. Acquires no lock and does not wait. Mappings
     * that are added after the creation of this object are not counted. For one thread.
     */
    public static final class PageMappings {
        private final List<ReverseMap.Link> links = new ArrayList<>();

        private PageMappings(ReverseMap mappings, long first, long last) {
            mappings.visit(first, last, links::add);
        }

        /**
         * Returns whether at most one mapping contains pages of the range, so that no page is mapped by two entries.
         */
        public boolean isSole() {
            return links.size() <= 1;
        }

        private int linked() {
            int count = 0;
            for (int i = 0; i < links.size(); i++) {
                count += links.get(i).isUnlinked ? 0 : 1;
            }
            return count;
        }

        /**
         * Returns the number of entries that map a page, but at most {@code most}.
         *
         * @param page a page of the range
         * @param frame the page's frame
         * @param most the number at which the count stops
         */
        public int count(long page, int frame, int most) {
            int count = 0;
            for (int i = 0; i < links.size() && count < most; i++) {
                ReverseMap.Link link = links.get(i);
                PageTable table = link.table;
                long distance = (page - link.vma.pageOffset()) << table.pageShift;
                // The comparison is unsigned, so a page before the mapping is treated like one beyond its end.
                if (Addresses.isBelow(distance, link.vma.length()) && !link.isUnlinked) {
                    long pte = table.get(link.vma.start() + distance);
                    boolean hasPage = Pte.kindOf(pte) != Pte.NO_PAGE && Pte.isCached(pte) && Pte.frame(pte) == frame;
                    count += hasPage ? 1 : 0;
                }
            }
            return count;
        }
    }

    /** Returns the page cache of the mapped file, or null if there is none. */
    public static @Nullable FilePages of(VmArea vma) {
        return vma.traits != null && vma.traits.pageCache() instanceof FilePages file ? file : null;
    }

    @Override
    public FrameStore store() {
        return frames.store;
    }

    @Override
    public long size() {
        Truncation now = present;
        return now == null ? firstSize : now.cached.size;
    }

    /** Returns the size in pages. A partial last page counts. */
    public long pages() {
        Truncation now = present;
        return now == null
                ? CachedPages.pages(firstSize, Integer.numberOfTrailingZeros(frames.pageSize))
                : now.cached.pages();
    }

    @Override
    public int frameAt(long page) {
        Truncation now = present;
        return now == null ? Frames.NONE : now.cached.frameAt(page);
    }

    /** Reads the frames of consecutive pages, {@link Frames#NONE} for each page that is not in memory. */
    public void framesAt(long first, int count, int[] target) {
        Truncation now = present;
        if (now == null) {
            Arrays.fill(target, 0, count, Frames.NONE);
        } else {
            now.cached.index.get(first, count, target);
        }
    }

    /**
     * Returns how many pages from {@code first} to {@code last}, inclusive, are in memory. Each page is checked
     * separately, so the result is not a snapshot.
     */
    public long countPages(long first, long last) {
        Truncation now = present;
        long count = 0;
        if (now != null) {
            PageBatch batch = new PageBatch(now.cached, mappings);
            batch.makeRoom(COUNTED);
            long next = first;
            while (next >= 0 && next <= last) {
                next = batch.collect(next, last);
                count += batch.count;
            }
        }
        return count;
    }

    /** Permits reclaim of clean, unpinned and unmapped pages, because the backing can read them again. */
    public void allowReclaim() {
        cached().mayReclaim = true;
    }

    /** Returns whether the cache was closed. No page is in memory after that. */
    public boolean isClosed() {
        Truncation now = present;
        return now != null && now.cached.isClosed;
    }

    /** Returns the removal counter for {@link #hasRemovedSince}. It is odd while a removal is under way. */
    public long removals() {
        Truncation now = present;
        return now == null ? 0 : now.cached.removals;
    }

    /**
     * Returns whether a removal may be the reason why a frame does not belong to this cache any more, although it did
     * at some time after {@link #removals} returned.
     *
     * @param removals a result of {@link #removals}
     * @return false if no page was removed in the meantime
     */
    public boolean hasRemovedSince(long removals) {
        // If the number is odd, the removal that was under way may mark a frame at any time until its end.
        return (removals & 1) != 0 || removals() != removals;
    }

    @Override
    public int allocate() {
        return allocateFor(-1);
    }

    @Override
    public int allocateFor(long page) {
        int frame = tryAllocate(page);
        int reclaims = MachineMemory.MOST_RECLAIMS;
        while (frame == Frames.NONE && reclaims > 0) {
            reclaims = memory.reclaim() ? reclaims - 1 : 0;
            frame = tryAllocate(page);
        }
        return frame;
    }

    private int tryAllocate(long page) {
        if (!cached().mayAllocate("allocate", page)) {
            return Frames.NONE;
        }
        PageTableContext context = memory.contexts.borrow();
        try {
            int frame = frames.allocate(context.magazine);
            if (frame != Frames.NONE) {
                frames.prepare(frame, number);
            }
            return frame;
        } finally {
            memory.contexts.giveBack(context);
        }
    }

    /**
     * Allocates the frames of consecutive blocks that are to be read, as {@link #allocateForRead} allocates those of
     * pages: mostly in runs, and for the first block by a reclaim if needed.
     *
     * @param first the first page of the first block
     * @param most the maximum number of frames, a multiple of {@link #blockPages}
     * @return the number of frames, a multiple of {@link #blockPages}; 0 if there is no memory
     */
    public int allocateBlocks(long first, int[] fresh, int most) {
        CachedPages cached = cached();
        Blocks blocks = Objects.requireNonNull(cached.blocks, "the blocks");
        if (!cached.mayAllocate("a read", first)) {
            return 0;
        }
        int count = 0;
        int base = blocks.allocate(most, Frames.NONE);
        while (base != Frames.NONE) {
            for (int i = 0; i < blockPages; i++) {
                fresh[count++] = base + i;
            }
            base = count < most ? blocks.allocate(most - count, fresh[count - 1]) : Frames.NONE;
        }
        return count;
    }

    /**
     * Allocates frames with arbitrary content, for consecutive pages to be read into the cache ({@code
     * page_cache_ra_unbounded}). Most of them are in runs of consecutive frames, each of which one call of the host
     * fills. The caller {@linkplain #freeRead frees} the frames that it does not insert. Reclaims
     * memory only for the first frame, because the pages of the other frames are not needed yet.
     *
     * @param page the page that is needed
     * @param fresh receives the frames; contains only {@link Frames#NONE} before
     * @param most the maximum number of frames
     * @return the number of frames; 0 if there is no memory
     */
    public int allocateForRead(long page, int[] fresh, int most) {
        int count = tryAllocate(page, fresh, most);
        int reclaims = MachineMemory.MOST_RECLAIMS;
        while (count == 0 && reclaims > 0) {
            reclaims = memory.reclaim() ? reclaims - 1 : 0;
            count = tryAllocate(page, fresh, 1);
        }
        return count;
    }

    private int tryAllocate(long page, int[] fresh, int most) {
        if (!cached().mayAllocate("a read", page)) {
            return 0;
        }
        PageTableContext context = memory.contexts.borrow();
        try {
            int count = most == 1 ? 0 : frames.allocateRuns(fresh, most);
            boolean isLeft = true;
            while (isLeft && count < most) {
                int frame = frames.allocateDirty(context.magazine);
                isLeft = frame != Frames.NONE;
                if (isLeft) {
                    fresh[count++] = frame;
                }
            }
            for (int i = 0; i < count; i++) {
                frames.prepare(fresh[i], number);
            }
            return count;
        } finally {
            memory.contexts.giveBack(context);
        }
    }

    @Override
    public void free(int frame) {
        CachedPages cached = cached();
        cached.content.lock();
        try {
            take(frame, Frames.ANONYMOUS, 0);
        } finally {
            cached.content.unlock();
        }
        drop(frame);
    }

    private void drop(int frame) {
        PageTableContext context = memory.contexts.borrow();
        try {
            frames.drop(frame, context.magazine);
        } finally {
            memory.contexts.giveBack(context);
        }
    }

    /**
     * Ends the preparation of a frame and assigns it to its new owner. The caller holds the content lock, so this
     * happens once per frame.
     */
    private void take(int frame, long owner, long page) {
        if (!frames.isPrepared(frame, number)) {
            throw new IllegalArgumentException(
                    "frame " + frame + " was not allocated for this page cache, or is inserted or given back already");
        }
        frames.assign(frame, owner, page);
    }

    /**
     * Frees the frames of {@link #allocateForRead} that were not inserted, i.e. that are not {@link Frames#NONE}. Needs
     * no memory, and less stack than their allocation.
     */
    public void freeRead(int[] fresh, int count) {
        VirtualMachineError failure = null;
        for (int i = 0; i < count; i++) {
            int frame = fresh[i];
            if (frame != Frames.NONE) {
                fresh[i] = Frames.NONE;
                try {
                    frames.assign(frame, Frames.ANONYMOUS, 0);
                    frames.drop(frame);
                } catch (VirtualMachineError exhausted) {
                    // May be thrown by the frame store. The remaining frames are freed before it is rethrown.
                    failure = exhausted;
                }
            }
        }
        if (failure != null) {
            throw failure;
        }
    }

    /** @throws IllegalStateException also if the file has blocks, which are inserted whole */
    @Override
    public int insert(long page, int frame) {
        if (blockPages > 1) {
            throw new IllegalStateException(this + " has blocks, and no single pages are inserted");
        }
        return insert(page, frame, null);
    }

    /**
     * Inserts a page like {@link #insert}, unless the page was removed or written since its read started. In that case
     * returns {@link #STALE}, and the caller still owns the frame.
     */
    public int insertRead(PageRead read, int frame) {
        return insert(read.first, frame, read);
    }

    /** @param read the read of the page that the library started; null if the backing orders reads and removals */
    private int insert(long page, int frame, @Nullable PageRead read) {
        NoWaiting.check("an insertion into a page cache");
        CachedPages cached = cached();
        int known;
        boolean isOver;
        cached.content.lock();
        try {
            isOver = cached.isClosed;
            if (read != null && read.isStale(page) && !isOver) {
                return STALE;
            }
            boolean isWithin = page >= 0 && page < cached.pages();
            known = isWithin ? cached.index.get(page) : Frames.NONE;
            if (known == Frames.NONE && isWithin && !isOver) {
                take(frame, number, page);
                put(cached, page, frame);
                return frame;
            }
            take(frame, Frames.ANONYMOUS, 0);
        } finally {
            cached.content.unlock();
        }
        drop(frame);
        if (isOver) {
            throw cached.closed("insert");
        }
        return known;
    }

    /**
     * Inserts a frame that is assigned to the page. Frees the frame if the insertion fails. The caller holds the
     * content lock.
     */
    private void put(CachedPages cached, long page, int frame) {
        boolean isDone = false;
        try {
            cached.put(page, frame);
            isDone = true;
        } finally {
            // If the frame was not inserted, no other thread can find or free it.
            if (!isDone && cached.frameAt(page) != frame) {
                frames.assign(frame, Frames.ANONYMOUS, 0);
                frames.drop(frame);
            }
        }
    }

    /**
     * Ends a read, and inserts the pages that were read completely, except for pages that are in memory. Each frame
     * that becomes a page is replaced by {@link Frames#NONE} in the array; the caller {@linkplain #freeRead frees} the
     * remaining frames.
     *
     * @param read the read of the pages. Pages that were changed since it started are not inserted
     * @param fresh the frames of the pages
     * @param isScan whether the pages after the first one follow the accessed page, and are read ahead with it
     * @return the frame of the first page, even if it was in memory before; {@link Frames#NONE} if the page is beyond
     *     the end; {@link #STALE} if the page was changed since the read started, in which case no page is inserted;
     *     {@link #EVICTED} if an eviction may put the first page back
     */
    public int insertRead(PageRead read, int[] fresh, boolean isScan) {
        long first = read.first;
        NoWaiting.check("an insertion into a page cache");
        CachedPages cached = cached();
        Eviction eviction = cached.eviction();
        cached.content.lock();
        try {
            // Nothing changes the pages before the lock is released, so the read has ended.
            cached.remove(read);
            if (cached.isClosed) {
                throw cached.closed("a read");
            }
            int result = cached.frameAt(first);
            if (result == Frames.NONE) {
                if (read.isStale(first) || isOfAbsentBlock(cached, first << cached.pageShift)) {
                    return STALE;
                } else if (cached.mayComeBack(first)) {
                    result = EVICTED;
                } else if (isScan && read.count > 1) {
                    eviction.recent.add(first, read.count, cached.pages());
                }
            }
            boolean areSomeEvicted = cached.isEvicting(first, first + read.count - 1);
            for (int i = 0; i < read.count && first + i < cached.pages(); i++) {
                long page = first + i;
                int known = i == 0 ? result : read.isStale(page) ? STALE : cached.frameAt(page);
                if (known == Frames.NONE && (i == 0 || !areSomeEvicted || !eviction.contains(page))) {
                    int frame = fresh[i];
                    insert(cached, page, fresh, i);
                    result = i == 0 ? frame : result;
                }
            }
            return result;
        } finally {
            cached.content.unlock();
        }
    }

    /**
     * Ends a read of whole blocks, and inserts those that were read completely, except for blocks that are in memory.
     * Otherwise like {@link #insertRead(PageRead, int[], boolean)}.
     *
     * @param read the read, from the first page of a block on
     * @param fresh the frames of the blocks, also of their pages beyond the end of the file
     * @param page the accessed page
     * @return the frame of {@code page}; {@link Frames#NONE} if it is beyond the end; {@link #STALE} if its block was
     *     changed since the read started; {@link #EVICTED} if an eviction may put its block back
     */
    public int insertBlocks(PageRead read, int[] fresh, long page, boolean isScan) {
        NoWaiting.check("an insertion into a page cache");
        CachedPages cached = cached();
        Blocks blocks = Objects.requireNonNull(cached.blocks, "the blocks");
        cached.content.lock();
        try {
            cached.remove(read);
            if (cached.isClosed) {
                throw cached.closed("a read");
            }
            int frames = (int) (blocks.lastOf(read.last) + 1 - read.first);
            if (isScan && frames > blockPages) {
                cached.eviction().recent.add(read.first, frames, cached.pages());
            }
            int result = Frames.NONE;
            for (int at = 0; at < frames; at += blockPages) {
                int answer = insertBlock(cached, blocks, read, fresh, at);
                if (read.first + at == blocks.firstOf(page)) {
                    result = answer;
                }
            }
            int known = cached.frameAt(page);
            if (known != Frames.NONE || result != Frames.NONE) {
                return known != Frames.NONE ? known : result;
            }
            // A page that is apart from its block is read alone.
            return page >= cached.pages() ? Frames.NONE : STALE;
        } finally {
            cached.content.unlock();
        }
    }

    /** Returns {@link #STALE} or {@link #EVICTED} if the block cannot be inserted; otherwise {@link Frames#NONE}. */
    private int insertBlock(CachedPages cached, Blocks blocks, PageRead read, int[] fresh, int at) {
        long first = read.first + at;
        long end = Math.min(blocks.lastOf(first) + 1, cached.pages());
        if (first >= end || blocks.isIn(first)) {
            return Frames.NONE;
        }
        boolean isStale = end > read.last + 1;
        for (long page = first; page < end; page++) {
            isStale |= read.isStale(page);
        }
        if (isStale) {
            return STALE;
        } else if (cached.isEvicting(first, blocks.lastOf(first))) {
            return EVICTED;
        }
        blocks.put(first, fresh[at]);
        Arrays.fill(fresh, at, at + blockPages, Frames.NONE);
        return Frames.NONE;
    }

    private void insert(CachedPages cached, long page, int[] fresh, int at) {
        int frame = fresh[at];
        frames.assign(frame, number, page);
        boolean isDone = false;
        try {
            cached.put(page, frame);
            isDone = true;
        } finally {
            if (isDone || cached.frameAt(page) == frame) {
                fresh[at] = Frames.NONE;
            } else {
                frames.prepare(frame, number);
            }
        }
    }

    /**
     * Returns the frame of a page; allocates it if the page is not in memory. May reclaim.
     *
     * @return the frame; {@link Frames#NONE} if the page is beyond the end; {@link #NO_MEMORY} if no frame is free
     */
    public int frameFor(long page) {
        int frame = frameAt(page);
        if (frame != Frames.NONE || page < 0 || page >= pages()) {
            return frame;
        }
        int fresh = allocateFor(page);
        return fresh == Frames.NONE ? NO_MEMORY : insert(page, fresh);
    }

    /**
     * Handles a fault on a file that initially contains only zeros ({@code shmem_fault}), like {@link #frameFor}.
     *
     * @return the frame; negated, {@link Fault#ADRERR} beyond the end of the file, or {@link Fault#OUT_OF_MEMORY}
     */
    public int fault(long page) {
        int frame = frameFor(page);
        return frame == NO_MEMORY ? -Fault.OUT_OF_MEMORY : frame == Frames.NONE ? -Fault.ADRERR : frame;
    }

    /**
     * Returns the frame of a page for a fault; allocates it if the page is not in memory and no backing is needed to
     * provide it. The caller is in a reader section. This method waits only for a lock that is held briefly, by threads
     * that do not wait.
     *
     * @param vma the mapping; no frame is allocated for a detached VMA, so a removal that follows the detaching finds
     *     every page
     * @return the frame, or {@link Frames#NONE} if the page must be requested from the backing
     */
    public int frameForFault(VmArea vma, long page, PageTableContext context) {
        if (!isOfZeros || page < 0 || page >= pages()) {
            return Frames.NONE;
        }
        CachedPages cached = cached();
        int fresh = cached.mayGet(page) ? frames.allocate(context.magazine) : Frames.NONE;
        if (fresh == Frames.NONE) {
            return Frames.NONE;
        }
        int known = Frames.NONE;
        cached.content.lock();
        try {
            if (page < cached.pages() && !cached.isClosed && !vma.isDetached()) {
                known = cached.index.get(page);
                if (known == Frames.NONE) {
                    frames.assign(fresh, number, page);
                    put(cached, page, fresh);
                    return fresh;
                }
            }
        } finally {
            cached.content.unlock();
        }
        frames.drop(fresh, context.magazine);
        return known;
    }

    /**
     * One read of consecutive pages, either into the cache or past it. Guarded by the content lock.
     *
     * <p>Words: {@code staleFirst}, {@code staleLast}, {@code next}, {@code isEnded}, and {@code firstRead} of the
     *     cache.
     * Written: holder of {@code content} (plain).
     * Read: holder of {@code content}; {@code isEnded} also by the thread that reads the pages (plain).
     * Invariant: the reads under way, with the stale pages of each read. Only the thread that reads the pages ends the
     *     read.
     */
    public static final class PageRead {
        private final long first;
        private final long last;

        /** The number of pages. */
        public final int count;

        /**
         * The number of bytes in these pages that were within the file when the read started; may be negative. Of a
         * read past the cache, the number of bytes of all the pages.
         */
        public final long length;

        /**
         * The first of the stale pages; {@link #staleLast} is the last one. No page is stale if {@code staleLast} is
         * smaller.
         */
        private long staleFirst = Long.MAX_VALUE;

        private long staleLast = -1;

        /** Links the reads of a cache, so that a removal needs no memory. There are only few reads at a time. */
        private @Nullable PageRead next;

        private boolean isEnded;

        private PageRead(long first, int count, long length) {
            this.first = first;
            this.count = count;
            this.length = length;
            last = first + count - 1;
        }

        /**
         * Returns whether a page was removed or written since the read started. May also return true for an unchanged
         * page between two changed ones, but never for an unchanged first page of the read.
         */
        boolean isStale(long page) {
            return page >= staleFirst && page <= staleLast;
        }

        private void noteChange(long from, long to) {
            if (from <= last && to >= first) {
                staleFirst = Math.min(staleFirst, Math.max(from, first));
                staleLast = Math.max(staleLast, Math.min(to, last));
            }
        }
    }

    /**
     * Starts a read into the cache, of the first page and of those pages after it that are within the file. The caller
     * calls {@link #endRead} afterwards. If a write that bypasses the cache extends the file over one of the pages, it
     * either ended before the size is read here, or makes this read stale.
     *
     * @param most the maximum number of pages
     */
    public PageRead beginRead(long first, int most) {
        CachedPages cached = cached();
        cached.content.lock();
        try {
            long length = Math.min((long) most << cached.pageShift, cached.size - cached.startOf(first));
            PageRead read = new PageRead(first, length <= 0 ? 1 : (int) cached.pages(length), length);
            cached.add(read);
            return read;
        } finally {
            cached.content.unlock();
        }
    }

    /**
     * Starts a read that bypasses the cache, of consecutive pages that are neither in memory nor in an eviction.
     *
     * @param least the minimum number of pages of such a read
     * @param most the maximum number of pages
     * @return the read; null if there are fewer than {@code least} such pages from the first one on
     */
    public @Nullable PageRead beginUncachedRead(long first, int least, int most) {
        CachedPages cached = cached();
        cached.content.lock();
        try {
            int count = cached.absent(first, most);
            if (count < least) {
                return null;
            }
            PageRead read = new PageRead(first, count, (long) count << cached.pageShift);
            cached.add(read);
            return read;
        } finally {
            cached.content.unlock();
        }
    }

    /**
     * Ends a read, unless {@link #insertRead(PageRead, int[], boolean)} has ended it.
     *
     * @return the number of its pages, from the first one on, before the first page that was written or removed since
     *     the start of the read. For these pages, the stored bytes were the file's content at the start, and are what
     *     was read
     */
    public int endRead(PageRead read) {
        if (read.isEnded) {
            return 0;
        }
        CachedPages cached = cached();
        cached.content.lock();
        try {
            cached.remove(read);
            return (int) Math.min(read.count, read.staleFirst - read.first);
        } finally {
            cached.content.unlock();
        }
    }

    /**
     * Ends a read that bypasses the cache, on behalf of a mapping.
     *
     * @return the number of its pages, from the first one on, that were neither changed nor inserted since the start of
     *     the read. The bytes that were read of these pages were the file's content during the whole read
     */
    public int endUncachedUnchanged(PageRead read) {
        CachedPages cached = cached();
        cached.content.lock();
        try {
            int absent = cached.absent(read.first, read.count);
            return Math.min(absent, endRead(read));
        } finally {
            cached.content.unlock();
        }
    }

    /**
     * Starts a write that bypasses the cache, of consecutive pages that are neither in memory nor in an eviction, nor
     * in a block that is in memory. No read inserts one of these pages before {@link #endWrite}, which the caller calls
     * unless the result is 0. There is only one write of the file at a time.
     *
     * @param most the maximum number of pages
     * @return the number of pages; 0 if the first page is in memory or in an eviction, in which case no write was
     *     started
     */
    public int beginUncachedWrite(long first, int most) {
        CachedPages cached = cached();
        cached.content.lock();
        try {
            int count = cached.absent(first, most);
            Blocks blocks = cached.blocks;
            if (blocks == null) {
                if (count > 0) {
                    cached.noteWrite(first, first + count - 1);
                }
                return count;
            }
            int known = 0;
            while (known < count && !blocks.isIn(first + known)) {
                known = (int) Math.min(count, blocks.lastOf(first + known) + 1 - first);
            }
            if (known > 0) {
                // Whole blocks, because the write may bring pages into the file whose block a read would insert.
                cached.noteWrite(blocks.firstOf(first), blocks.lastOf(first + known - 1));
            }
            return known;
        } finally {
            cached.content.unlock();
        }
    }

    /**
     * Starts a write of pages to the file's storage. There is only one write at a time. A read of one of these pages
     * that is in progress at any time before {@link #endWrite} does not insert the page. Pages in memory stay there
     * until the write ends, unless a caller removes them so that they are read again.
     */
    public void beginWrite(long first, long last) {
        CachedPages cached = cached();
        cached.content.lock();
        try {
            cached.noteWrite(first, last);
        } finally {
            cached.content.unlock();
        }
    }

    /**
     * Ends a write. It needs no lock, because a read that finds no write starts after the end. So it cannot fail.
     */
    public void endWrite() {
        cached().writtenLast = -1;
    }

    /**
     * Links a VMA that is about to map the file. The caller is about to publish the VMA.
     *
     * @param vma the VMA
     * @param table the page table of its space
     * @param isEntered whether the VMA's range contains no page of another mapping; otherwise the caller calls {@link
     *     FileLink#enter} once it contains none
     * @return the link, which the caller unlinks once the VMA's pages are retired
     */
    public FileLink link(VmArea vma, PageTable table, boolean isEntered) {
        SegmentUse of = segment;
        if (of != null) {
            // If the segment is not removed, an earlier use keeps it: the use of the attachment, of a fork, or of a
            // replaced VMA.
            // An attachment that began before the removal may still map a removed segment, which stays removed.
            of.word.getAndAdd(1);
        }
        FileLink link = null;
        try {
            link = mappings.link(vma, table, isEntered);
            if (seals != null && Seals.counts(vma)) {
                seals.map();
            }
            return link;
        } finally {
            if (link == null && of != null) {
                of.end();
            }
        }
    }

    /** Called after a VMA was unlinked. Neither waits nor throws. */
    private void unlinked(VmArea vma) {
        Truncation now = present;
        Eviction eviction = now == null ? null : now.cached.eviction;
        if (eviction != null && vma.has(VmaFlags.LOCKED)) {
            eviction.cursor.noteUnlocked();
        }
        memory.caches.noteUnmapped();
        SegmentUse of = segment;
        if (of != null) {
            of.end();
        }
        if (seals != null && Seals.counts(vma)) {
            seals.unmap();
        }
    }

    /** Returns the seals of a mapped file, or null if the file can never be sealed. */
    public static @Nullable Seals sealsOf(BackingTraits file) {
        return file.pageCache() instanceof FilePages pages ? pages.seals : null;
    }

    /** Returns whether any page in memory is pinned. */
    boolean hasPins() {
        boolean[] isFound = {false};
        CachedPages cached = cached();
        cached.content.lock();
        try {
            cached.index.forEach(0, Long.MAX_VALUE, frame -> isFound[0] |= frames.isPinned(frame));
        } finally {
            cached.content.unlock();
        }
        return isFound[0];
    }

    @Override
    public long pread(byte[] target, int at, int length, long offset) {
        return read(ByteBuffer.wrap(target, at, length), offset, isOfZeros);
    }

    @Override
    public long pread(ByteBuffer target, long offset) {
        return read(target, offset, isOfZeros);
    }

    /** Reads like {@link #pread(ByteBuffer, long)}, but treats pages that are not in memory as zeros. */
    public long preadOfZeros(ByteBuffer target, long offset) {
        return read(target, offset, true);
    }

    /** @param areZeros whether a page that is not in memory consists of zeros */
    private long read(ByteBuffer target, long offset, boolean areZeros) {
        if (target.isReadOnly()) {
            throw new ReadOnlyBufferException();
        }
        if (isOutside(offset, target.remaining())) {
            return Errno.EINVAL.result();
        }
        CachedPages cached = cached();
        int there = (int) Math.max(0, Math.min(target.remaining(), cached.size - offset));
        if (there == 0) {
            return 0;
        }
        PageTableContext context = memory.contexts.borrow();
        try {
            int done = 0;
            while (done < there) {
                long from = offset + done;
                int part = Math.min(there - done, frames.pageSize - offsetOf(from));
                int count = readPart(cached, context, from, target, part, areZeros);
                if (count == ABSENT) {
                    return done > 0 ? done : Errno.EAGAIN.result();
                }
                if (count == 0) {
                    return done;
                }
                done += count;
            }
            return done;
        } finally {
            memory.contexts.giveBack(context);
        }
    }

    private int offsetOf(long position) {
        return (int) position & frames.pageSize - 1;
    }

    /**
     * Returns whether a range starts at a negative offset or ends beyond the largest offset ({@code rw_verify_area}).
     */
    private static boolean isOutside(long offset, int length) {
        return offset < 0 || offset + length < 0;
    }

    /**
     * Reads bytes within one page.
     *
     * @return the number of bytes, 0 at the end of the file, or {@link #ABSENT}
     */
    private int readPart(
            CachedPages cached, PageTableContext context, long from, ByteBuffer target, int most, boolean areZeros) {
        int at = target.position();
        int length;
        // If the page is removed in the meantime, its frame is not freed before this section ends.
        context.reader.readLock();
        try {
            int frame = cached.frameAt(from >>> cached.pageShift);
            // The size is read after the lookup. A truncation stores the size before it removes pages, so a page that
            // it removed is not read as zeros.
            length = (int) Math.max(0, Math.min(most, cached.size - from));
            if (frame != Frames.NONE) {
                frames.store.read(frame, offsetOf(from), target, at, length);
            } else if (areZeros) {
                for (int i = at; i < at + length; i++) {
                    target.put(i, (byte) 0);
                }
            } else if (length > 0) {
                return ABSENT;
            }
        } finally {
            context.reader.readUnlock();
        }
        target.position(at + length);
        return length;
    }

    @Override
    public long pwrite(byte[] source, int at, int length, long offset) {
        return write(ByteBuffer.wrap(source, at, length), offset, isOfZeros);
    }

    @Override
    public long pwrite(ByteBuffer source, long offset) {
        return write(source, offset, isOfZeros);
    }

    /** Writes like {@link #pwrite(ByteBuffer, long)}, but treats pages that are not in memory as zeros. */
    public long pwriteOfZeros(ByteBuffer source, long offset) {
        return write(source, offset, true);
    }

    /** @param areZeros whether a page that is not in memory consists of zeros */
    private long write(ByteBuffer source, long offset, boolean areZeros) {
        int length = source.remaining();
        if (isOutside(offset, length)) {
            return Errno.EINVAL.result();
        }
        Truncation now = present();
        // The lock excludes holes, truncations and removals during the write.
        ThreadCpus.checkMayWait("a change of a file");
        now.inodeLock.lock();
        try {
            int done = 0;
            while (done < length) {
                long from = offset + done;
                boolean isOfBlock = isOfAbsentBlock(now.cached, from);
                int part = Math.min(length - done, isOfBlock ? blockRest(from) : frames.pageSize - offsetOf(from));
                if (seals != null && seals.forbidWrite(from + part, now.cached.size)) {
                    return done > 0 ? done : Errno.EPERM.result();
                }
                int frame =
                        isOfBlock ? writeBlock(now, from, source, part) : writePart(now, from, source, part, areZeros);
                if (frame == CHANGED) {
                    continue;
                }
                if (frame < 0) {
                    Errno failure = frame == ABSENT ? Errno.EAGAIN : areZeros ? Errno.ENOSPC : Errno.ENOMEM;
                    return done > 0 ? done : failure.result();
                }
                done += part;
            }
            return done;
        } finally {
            now.inodeLock.unlock();
        }
    }

    /**
     * Writes bytes within one page, and makes the file large enough for them. The caller holds the inode lock.
     *
     * @return the frame, or {@link #ABSENT}, {@link #NO_MEMORY} or {@link #CHANGED}, in which case nothing was changed
     */
    private int writePart(Truncation now, long from, ByteBuffer source, int length, boolean areZeros) {
        CachedPages cached = now.cached;
        long page = from >>> cached.pageShift;
        Blocks blocks = cached.blocks;
        int frame = cached.frameAt(page);
        boolean isFresh = frame == Frames.NONE;
        boolean isReserved = false;
        if (isFresh) {
            if (!areZeros && needsContent(cached.size, from, length)) {
                return ABSENT;
            }
            // Checked first, because a frame would be lost if the stack overflowed between its allocation and its
            // insertion.
            StackReserve.check(Truncation.DEPTH);
            if (blocks != null && page >= cached.pages()) {
                frame = blocks.reservedFor(page);
                isReserved = frame != Frames.NONE;
            }
            frame = isReserved ? frame : allocateFor(page);
            if (frame == Frames.NONE) {
                return NO_MEMORY;
            }
            if (blocks != null && !blocks.isIn(page)) {
                // The reclaim has evicted the block of a page that was apart.
                free(frame);
                return CHANGED;
            }
        }
        boolean grows = from + length > cached.size;
        boolean done = false;
        try {
            if (isFresh) {
                reserve(page);
            }
            if (grows) {
                now.beginGrowth(from + length);
            }
            // The bytes are stored before the file grows, because a failed store must not leave the file larger, and
            // before other threads can find a fresh page, so that none of them sees the zeros of its frame.
            storePart(frame, from, source, length);
            if (grows) {
                now.endGrowth(from + length);
            }
            done = true;
        } finally {
            if (isFresh && !isReserved && !done) {
                free(frame);
            }
        }
        int known = isFresh && !isReserved ? insert(page, frame, null) : frame;
        if (known != frame) {
            // A fault inserted the page in the meantime, and the frame of the fault stays.
            storePart(known, from, source, length);
        }
        source.position(source.position() + length);
        return known;
    }

    /** Returns whether any byte of the page that is not written may differ from zero. */
    private boolean needsContent(long size, long from, int length) {
        return needsContent(size, from - offsetOf(from), frames.pageSize, from, length);
    }

    /** Returns whether any byte of a page or a block that is not written may differ from zero. */
    private static boolean needsContent(long size, long start, int whole, long from, int length) {
        boolean isBehindEnd = start >= size;
        boolean coversRest = from == start && (length == whole || from + length >= size);
        return !isBehindEnd && !coversRest;
    }

    private static boolean isOfAbsentBlock(CachedPages cached, long from) {
        return cached.blocks != null && !cached.blocks.isIn(from >>> cached.pageShift);
    }

    private int blockBytes() {
        return blockPages * frames.pageSize;
    }

    /** Returns the number of bytes from an offset to the end of its block. */
    private int blockRest(long from) {
        return blockBytes() - (int) (from & blockBytes() - 1);
    }

    /**
     * Writes bytes within one block that is not in memory, and makes the file large enough for them. The caller holds
     * the inode lock.
     *
     * @return a frame, or {@link #ABSENT}, {@link #NO_MEMORY} or {@link #CHANGED}, in which case no byte was written
     */
    private int writeBlock(Truncation now, long from, ByteBuffer source, int length) {
        CachedPages cached = now.cached;
        Blocks blocks = Objects.requireNonNull(cached.blocks, "the blocks");
        long start = from & -blockBytes();
        if (needsContent(cached.size, start, blockBytes(), from, length)) {
            return ABSENT;
        }
        long first = start >>> cached.pageShift;
        StackReserve.check(Truncation.DEPTH);
        int base = cached.mayAllocate("a write", first) ? blocks.allocate(blocks.pages, Frames.NONE) : Frames.NONE;
        if (base == Frames.NONE) {
            return NO_MEMORY;
        }
        boolean isIn = false;
        try {
            boolean grows = from + length > cached.size;
            if (grows) {
                now.beginGrowth(from + length);
            }
            storeBlock(base, (int) (from - start), source, length);
            if (grows) {
                now.endGrowth(from + length);
            }
            cached.content.lock();
            try {
                if (cached.isClosed) {
                    throw cached.closed("a write");
                }
                if (!blocks.isIn(first)) {
                    blocks.put(first, base);
                    isIn = true;
                }
            } finally {
                cached.content.unlock();
            }
        } finally {
            if (!isIn) {
                blocks.free(base);
            }
        }
        if (!isIn) {
            // A fault inserted the block in the meantime, and its frames stay.
            return CHANGED;
        }
        source.position(source.position() + length);
        return base;
    }

    /** Stores bytes in the frames of a block, and zeros in its other bytes. */
    private void storeBlock(int base, int at, ByteBuffer source, int length) {
        int size = frames.pageSize;
        for (int i = 0; i < blockPages; i++) {
            int frame = base + i;
            int from = Math.max(at, i * size);
            int to = Math.min(at + length, (i + 1) * size);
            if (from >= to) {
                frames.store.fill(frame, 0, size, (byte) 0);
                continue;
            }
            frames.store.fill(frame, 0, from - i * size, (byte) 0);
            frames.store.write(frame, from - i * size, source, source.position() + from - at, to - from);
            frames.store.fill(frame, to - i * size, (i + 1) * size - to, (byte) 0);
            frames.setDirty(frame);
            frames.noteDirtied(frame);
        }
    }

    private void storePart(int frame, long from, ByteBuffer source, int length) {
        frames.store.write(frame, offsetOf(from), source, source.position(), length);
        if (!frames.isDirty(frame)) {
            frames.setDirty(frame);
            frames.noteDirtied(frame);
        }
    }

    /** Reserves the place of a page in the index, so that its later insertion needs no memory. */
    private void reserve(long page) {
        CachedPages cached = cached();
        cached.content.lock();
        try {
            if (cached.index.get(page) == Frames.NONE) {
                cached.put(page, Frames.NONE);
            }
        } finally {
            cached.content.unlock();
        }
    }

    /** @throws IllegalArgumentException also if the file has blocks, and the range contains only a part of one */
    @Override
    public void remove(long first, long count) {
        long end = count > Long.MAX_VALUE - first ? Long.MAX_VALUE : first + count;
        if (((first | end) & blockPages - 1) != 0 && (first % blockPages != 0 || end < pages())) {
            throw new IllegalArgumentException(
                    "pages from " + first + " to " + end + " are not whole blocks of " + this);
        }
        present().remove(null, first, count);
    }

    /**
     * Removes pages like {@link #remove(long, long)}, for an operation that already holds a page table context.
     *
     * @param gather the gather of the operation; see {@link DiscardPages#DiscardPages(TlbGather, long)}
     */
    public void remove(TlbGather gather, long first, long count) {
        present().remove(gather, first, count);
    }

    @Override
    public void close() {
        ThreadCpus.checkMayWait("the closing of a page cache");
        if (isOfZeros) {
            throw new IllegalStateException(
                    this + " is that of a file in memory or of shared memory, and ends with it");
        }
        present().close();
    }

    /**
     * Removes the whole pages of a range of bytes, like {@link #remove}, and fills the rest with zeros ({@code
     * FALLOC_FL_PUNCH_HOLE}).
     */
    public void punch(long start, long length) {
        present().punch(start, length);
    }

    @Override
    public void truncate(long bytes) {
        present().truncate(bytes);
    }

    /** Returns the last truncation whose walk is complete, for {@link #lowestSince}. */
    public LoggedTruncation lastTruncation() {
        return present().walked;
    }

    /**
     * Returns the smallest size to which the file was truncated since an earlier time. Before this call, the caller
     * linked the leaf or the VMA in which a later truncation finds the pages, or it is about to check the pages itself.
     *
     * @param from the result of {@link #lastTruncation} at that time
     * @return the size in pages, {@code Long.MAX_VALUE} if there was no such truncation; pages beyond it were removed
     *     in the meantime
     */
    public long lowestSince(LoggedTruncation from) {
        long lowest = Long.MAX_VALUE;
        for (LoggedTruncation next = from.next; next != null; next = next.next) {
            lowest = Math.min(lowest, next.pages);
        }
        return lowest;
    }

    /** The record of one truncation that made the file smaller, in the log of {@link Truncation}. */
    public static final class LoggedTruncation {
        private final long pages;

        /**
         * Written: truncation, before it walks (volatile).
         * Read: a thread that holds private pages, after it linked the leaf or the VMA (volatile).
         * Pairs: a truncation stores the link, then walks. A thread that holds private pages links the leaf or the VMA,
         *     then reads the chain.
         * Invariant: a chain with one link for each truncation that made the file smaller.
         */
        volatile @Nullable LoggedTruncation next;

        LoggedTruncation(long pages) {
            this.pages = pages;
        }
    }

    /**
     * Excludes changes of the size, removals and writes by other threads ({@code inode_lock}). Blocks while another
     * thread holds the lock. Reentrant.
     */
    public void lock() {
        ThreadCpus.checkMayWait("a change of a file");
        present().inodeLock.lock();
    }

    /** Releases {@link #lock}. */
    public void unlock() {
        present().inodeLock.unlock();
    }

    /** Writes pages of a page cache to the file's storage. Called without the locks of the cache; may block. */
    @FunctionalInterface
    public interface PageWriter {
        /**
         * The result of a write-back that did not fail, but in which the writer held back at least one page. This is
         * not an errno.
         */
        long HELD = -4097;

        /** The result of a write whose bytes are not all within the host's file. No errno has this value. */
        long BEYOND_END = -4096;

        /**
         * Returns the first of two results that is a failure, otherwise {@link #HELD} if one of them is {@code HELD},
         * otherwise 0.
         */
        static long worse(long first, long second) {
            return first == 0 || (first == HELD && second != 0) ? second : first;
        }

        /**
         * Returns whether a page may be written now. If not, the page is held back and stays dirty.
         *
         * @param offset the offset of the page in the file
         * @param page the bytes of the page, from the buffer's position to its limit
         */
        default boolean mayWrite(long offset, ByteBuffer page) {
            return true;
        }

        /**
         * Writes bytes of consecutive pages.
         *
         * @param offset the offset of the first byte in the file
         * @param bytes the bytes, from the buffer's position to its limit
         * @return 0 if all bytes were written; otherwise a negated errno or {@link #BEYOND_END}, and the pages stay
         *     dirty
         */
        long write(long offset, ByteBuffer bytes);
    }

    /**
     * Writes the dirty pages of a range with a writer; tries to write all of them, even after a failure. A page stays
     * mapped while it is written, and a concurrent store makes it dirty again. A page whose write fails stays dirty.
     * Waits for CPUs, and for other changes of the file.
     *
     * <p>The caller, which may wait, excludes truncations, holes and other write-backs of the file until this returns.
     * Stores and writes may be concurrent, and may make the file larger.
     *
     * @param first the first page
     * @param last the last page, inclusive
     * @param alsoFailed whether to write also pages whose last write failed
     * @param buffer receives copies of pages; its capacity is at least one page
     * @param writer writes the copies, without a lock of this cache
     * @return 0, {@link PageWriter#HELD}, or the first failure of the writer
     */
    public long writeBack(long first, long last, boolean alsoFailed, ByteBuffer buffer, PageWriter writer) {
        return new WriteBack(this, present(), buffer, writer).run(first, last, alsoFailed, true);
    }

    /**
     * Writes the dirty pages that evictions found since the last call, like {@link #writeBack}.
     *
     * @param mayWait whether to wait for concurrent changes and evictions of the file; otherwise the call leaves the
     *     remaining pages to the next call
     * @return 0, or the first failure of the writer; the next call does not retry pages whose write failed
     */
    public long tryWriteBack(ByteBuffer buffer, PageWriter writer, boolean mayWait) {
        return new WriteBack(this, present(), buffer, writer).run(eviction().cursor, mayWait);
    }

    /**
     * Passes the dirty pages of a range to a visitor, in ascending order, while the file is locked. Waits for other
     * changes of the file. The caller excludes write-backs, because they clear the mark of a page while they write it.
     *
     * @param first the first page
     * @param last the last page, inclusive
     */
    public void findDirty(long first, long last, LongConsumer visitor) {
        lock();
        try {
            WriteBack.findDirty(this, first, last, visitor);
        } finally {
            unlock();
        }
    }

    /** Marks the pages of a range that are in memory as dirty. Waits for other changes of the file. */
    public void setDirty(long first, long last) {
        lock();
        try {
            cached().index.forEach(first, last, frames::setDirty);
        } finally {
            unlock();
        }
    }

    /** Returns the evictions of a saved file. */
    public Eviction eviction() {
        return cached().eviction();
    }

    /**
     * Returns whether no page of a range is in memory or about to be removed. Waits for other changes of the file, e.g.
     * an eviction that may put a page back.
     */
    public boolean areAbsent(long first, long last) {
        lock();
        try {
            return present().unfinished == null && countPages(first, last) == 0;
        } finally {
            unlock();
        }
    }

    /** Waits for the eviction that may put back a page, if there is one. */
    public void awaitEviction(long page) {
        ThreadCpus.checkMayWait("a change of a file");
        eviction().await(page);
    }

    @Override
    public String toString() {
        return "page cache " + (number & ~Frames.SAVED);
    }

    /**
     * The pages of one file that are in memory, without the mappings, and the registration of the cache in its memory's
     * list of caches. Reclaims pages of the cache, and frees all of them once the cache is unreachable.
     */
    static final class CachedPages extends PageCaches.RegisteredCache {
        final MachineMemory memory;
        final Frames frames;
        final int pageShift;

        /** The number of the cache. Its frames have this number as their owner. */
        final long number;

        final PageIndex index;

        /** The blocks of the file; null if it has none. */
        final @Nullable Blocks blocks;

        /** Guards changes of the index, of the size and of {@link #isClosed}. Held only briefly. */
        final ReentrantLock content = new CheckedLock();

        /**
         * Written: holder of {@code content} (volatile).
         * Read: any thread (volatile).
         * Pairs: by {@code content}: a thread that read it without the lock reads it again, holding {@code content},
         *     before it inserts a page. A move of private pages reads the chain of truncations instead.
         * Invariant: no page at or beyond the end of the file is in the index once {@code content} is released.
         */
        volatile long size;

        /**
         * Whether the cache was closed. Never reset; no page is inserted once it is set. Written under the lock.
         *
         * <p>Written: holder of {@code content} (volatile).
         * Read: holder of {@code content}; faults and {@code allocate}, without it (volatile).
         * Invariant: never reset; once it is set, no page is inserted. A thread that reads it without the lock may read
         *     a stale value, and reads it again under the lock.
         */
        volatile boolean isClosed;

        /**
         * A counter that is odd while pages are being removed, and larger after each removal. Written under the lock:
         * before the first frame is marked removed, and after the last frame.
         *
         * <p>Written: holder of {@code content}, before it marks the first frame as removed and after the last one
         *     (volatile).
         * Read: a fault, before it calls a backing, and after it has found the result outdated (volatile).
         * Pairs: a removal stores it, then marks; a fault reads the frame's word, then this counter. If two reads
         *     return the same even number, no frame that belonged to the cache at some time between the two reads was
         *     removed from it before the second read.
         * Invariant: odd while frames are being marked, or marks are being cleared again.
         */
        private volatile long removals;

        /** The reads under way, linked by their own fields. Guarded by the content lock. */
        private @Nullable PageRead firstRead;

        /**
         * The first page that is being written, unless {@link #writtenLast} is negative.
         *
         * <p>Written: holder of {@code content} (plain).
         * Read: holder of {@code content} (plain).
         * Invariant: valid only while {@code writtenLast} is not negative.
         */
        private long writtenFirst;

        /**
         * The last page that is being written, or negative if no write is under way.
         *
         * <p>Written: the holder of {@code writeBack}, before a write of pages to the host under {@code content}, and
         *     after it (volatile).
         * Read: a thread that starts a read of pages into the cache, under {@code content}; the holder of {@code
         *     writeBack} in an assertion (volatile).
         * Pairs: a read that finds no write starts after the end of the last write, and sees the bytes that were
         *     written.
         * Invariant: the last page of the write under way; negative only if there is none.
         */
        private volatile long writtenLast = -1;

        /**
         * Whether the cache is registered. The first insertion registers it. Guarded by the content lock.
         *
         * <p>Written: a thread that puts a page in, holding {@code content} (plain).
         * Read: a thread that puts a page in, holding {@code content} (plain).
         * Invariant: never reset; set once the cache is in the ring of {@code PageCaches}.
         */
        private boolean isRegistered;

        /**
         * Whether the backing can read pages again after a reclaim. Never reset.
         *
         * <p>Written: the thread that creates a {@code CachedBacking}, or the first open of a host file (volatile).
         * Read: a thread that reclaims (volatile).
         * Invariant: never reset.
         */
        private volatile boolean mayReclaim;

        /**
         * The page at which the next search for clean pages starts. Guarded by {@code PageCaches.hand}.
         *
         * <p>Written: holder of the lock {@code hand} of {@code PageCaches} (plain).
         * Read: holder of the lock {@code hand} of {@code PageCaches} (plain).
         * Invariant: the page at which the next search for clean pages starts.
         */
        long hand;

        /**
         * The removal of all pages, if it has failed; the next {@link #end} continues it. Guarded by the content lock.
         *
         * <p>Written: holder of {@code content} (plain).
         * Read: holder of {@code content} (plain).
         * Invariant: the removal of all pages of a cache that no thread can reach, if it has failed.
         */
        private Truncation.@Nullable Removal ending;

        /** The evictions of a saved file; null for all other files. Set before other threads reach this object. */
        @Nullable
        Eviction eviction;

        private CachedPages(FilePages file) {
            super(file, file.memory.caches);
            memory = file.memory;
            number = file.number;
            size = file.firstSize;
            frames = memory.frames;
            pageShift = Integer.numberOfTrailingZeros(frames.pageSize);
            // The index of a saved file has no room for a second page before it is needed, because many files are
            // opened of which few pages are read.
            index = new PageIndex((number & Frames.SAVED) != 0 ? 1 : pages(), memory.indexBudget);
            blocks = file.blockPages == 1 ? null : new Blocks(this, file.blockPages);
        }

        private IllegalStateException closed(String what) {
            return new IllegalStateException(
                    what + " was called on page cache " + (number & ~Frames.SAVED) + ", which is closed");
        }

        private Eviction eviction() {
            return Objects.requireNonNull(eviction, "the cache of a saved file");
        }

        /** Returns the size in pages. A partial last page counts. */
        long pages() {
            return pages(size, pageShift);
        }

        /** Returns the number of pages that {@code bytes} bytes need. */
        long pages(long bytes) {
            return pages(bytes, pageShift);
        }

        private static long pages(long bytes, int pageShift) {
            return (bytes >>> pageShift) + ((bytes & (1L << pageShift) - 1) == 0 ? 0 : 1);
        }

        /** Returns the offset in bytes at which a page starts, or {@link Long#MAX_VALUE} if that offset is larger. */
        long startOf(long page) {
            return page > Long.MAX_VALUE >>> pageShift ? Long.MAX_VALUE : page << pageShift;
        }

        /** Returns the frame of a page, or {@link Frames#NONE} if it is not in memory. */
        int frameAt(long page) {
            return page < 0 ? Frames.NONE : index.get(page);
        }

        /**
         * Returns whether the memory limit of the indexes permits a frame for a page.
         *
         * @param page the page; -1 if it is not known yet
         */
        private boolean mayGet(long page) {
            return !memory.indexBudget.isExceeded() || index.hasPlace(page);
        }

        /** Like {@link #mayGet}, but throws if the cache is closed. */
        private boolean mayAllocate(String what, long page) {
            if (isClosed) {
                throw closed(what);
            }
            return mayGet(page);
        }

        /**
         * Inserts a frame that is assigned to the page. The caller holds the content lock, and the cache is not closed.
         * If memory runs out, the frame is not in the index, and the cache may or may not be registered.
         */
        void put(long page, int frame) {
            // Registered first, because the nodes of an index are uncharged after its garbage collection only if its
            // cache is registered.
            if (!isRegistered) {
                register();
                isRegistered = true;
            }
            index.put(page, frame);
            if (eviction != null) {
                eviction.noteInserted(page, frame);
            }
        }

        private void add(PageRead read) {
            read.next = firstRead;
            firstRead = read;
            long last = writtenLast;
            if (last >= 0) {
                read.noteChange(writtenFirst, last);
            }
        }

        private void remove(PageRead read) {
            read.isEnded = true;
            if (firstRead == read) {
                firstRead = read.next;
                return;
            }
            for (PageRead one = firstRead; one != null; one = one.next) {
                if (one.next == read) {
                    one.next = read.next;
                    return;
                }
            }
        }

        /** Makes the reads of pages stale, from {@code from} to {@code last}, inclusive. */
        private void noteChange(long from, long last) {
            for (PageRead one = firstRead; one != null; one = one.next) {
                one.noteChange(from, last);
            }
        }

        /** Records the start of a write of the pages from {@code from} to {@code last}, inclusive. */
        private void noteWrite(long from, long last) {
            assert writtenLast < 0 : "two writes of one file at a time";
            writtenFirst = from;
            writtenLast = last;
            noteChange(from, last);
        }

        /** Returns whether an eviction may put back a page of a range, inclusive. The caller holds the content lock. */
        boolean isEvicting(long first, long last) {
            return eviction != null && eviction.atOrAfter(first) <= last;
        }

        /**
         * Returns whether an eviction may put back a page, or the block of a page that is apart from it. The caller
         * holds the content lock.
         */
        boolean mayComeBack(long page) {
            return blocks == null ? isEvicting(page, page) : isEvicting(blocks.firstOf(page), blocks.lastOf(page));
        }

        /**
         * Returns how many pages of a saved file, from the first one on, are neither in memory nor in an eviction. The
         * caller holds the content lock.
         */
        private int absent(long first, int most) {
            return (int) Math.min(index.absent(first, most), eviction().atOrAfter(first) - first);
        }

        /**
         * Removes the frames of a removal. May be called again after a failure: frames that were inserted into the
         * range in the meantime are not marked, and stay. The caller holds the content lock.
         */
        void takeOut(Truncation.Removal removal) {
            noteChange(removal.first, removal.last);
            if (removal.count > 0) {
                beginRemoval();
                try {
                    for (int i = 0; i < removal.count; i++) {
                        frames.remove(removal.frames[i]);
                    }
                    if (blocks != null) {
                        blocks.takeOut(removal);
                    }
                    index.removeIf(removal.first, removal.last, frames.removed);
                    if (eviction != null) {
                        eviction.cursor.removed(removal.first, removal.last);
                    }
                } finally {
                    endRemoval();
                }
            }
            if (removal.first == 0 && removal.last == Long.MAX_VALUE) {
                // Unlinks empty nodes left by failed insertions.
                index.prune(0, Long.MAX_VALUE);
                if (eviction != null) {
                    eviction.cursor.removed(0, Long.MAX_VALUE);
                }
            }
            removal.isOut = true;
        }

        /** The caller is about to mark frames as removed, and holds the content lock until {@link #endRemoval}. */
        void beginRemoval() {
            long before = removals;
            removals = before + 1;
        }

        void endRemoval() {
            long before = removals;
            removals = before + 1;
        }

        /** Subtracts pages whose frames are about to be freed from the number of cached bytes. */
        void uncount(int freed) {
            if (eviction != null) {
                eviction.uncount(freed);
            }
        }

        @Override
        protected int reclaim() {
            FilePages file = (FilePages) get();
            if (file == null) {
                return endLate();
            }
            if (!mayReclaim || isClosed) {
                hand = 0;
                return file.present().inodeLock.isOfAnother() ? PageCaches.BUSY : 0;
            }
            boolean isFirst = hand == 0;
            Eviction.UrgentEviction evictor = eviction == null ? null : eviction.evictor;
            if (blocks != null && evictor != null) {
                // Only evictions move whole blocks. They also free pages that are not mapped.
                int evicted = evictor.evict(isFirst);
                hand = evicted == PageCaches.BUSY || eviction().isAtStart() ? 0 : 1;
                return evicted;
            }
            int freed = Eviction.reclaim(file, file.present());
            // Also if the file is busy, because it may be evictions that keep it busy, and evictions run side by side.
            // In the first call of a round the eviction retries all pages, because the access fails if no frame is
            // found.
            return freed <= 0 && evictor != null ? evictor.evict(isFirst) : freed;
        }

        @Override
        protected boolean isAtStart() {
            return hand == 0;
        }

        /**
         * Frees the pages of a garbage-collected cache. No VMA maps these pages, so only readers that found them in the
         * index may still use them.
         */
        @Override
        protected int end() {
            // Acquires the context first: if none is free, nothing is changed.
            try (DiscardPages discarding = new DiscardPages(memory, Pte.NONE)) {
                return end(discarding);
            }
        }

        /** Ends a garbage-collected cache that is still registered, because its end has failed or has not started. */
        private int endLate() {
            hand = 0;
            try (DiscardPages discarding = DiscardPages.orNull(memory, Pte.NONE)) {
                return discarding == null ? 0 : end(discarding);
            }
        }

        private int end(DiscardPages discarding) {
            int count = takeAll(discarding);
            // Unregistered last, so that if a step above fails, the next call of this method does the rest. If no other
            // thread calls it, a reclaim does.
            unregister();
            discarding.finish();
            return count;
        }

        /** Closes the cache, and hands over all frames. Returns their number. */
        private int takeAll(DiscardPages discarding) {
            content.lock();
            try {
                Truncation.Removal removal = ending;
                if (removal == null) {
                    if (isClosed) {
                        return 0;
                    }
                    removal = new Truncation.Removal(0, Long.MAX_VALUE, false);
                    index.forEach(0, Long.MAX_VALUE, removal::add);
                    isClosed = true;
                    ending = removal;
                }
                takeOut(removal);
                if (removal.count > 0) {
                    removal.handOver(discarding);
                    uncount(removal.count);
                }
                ending = null;
                return removal.count;
            } finally {
                content.unlock();
            }
        }
    }
}
