// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.DiscardPages;
import dev.samara.core.internal.sync.RetriedTask;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.FileLink;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.PageCache;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The page cache of one file of one machine ({@code struct address_space}).
 *
 * <p>It looks up pages, and delegates other tasks: {@link FreshPages} and {@link ReadPages} insert pages, {@link
 * Removals} removes pages, {@link Truncation} changes the size, {@link CleanPageReclaim} frees pages that are not
 * needed, and {@link FileBytes} reads and writes bytes. {@link SavedPages} saves and evicts the pages of a file whose
 * content is also stored elsewhere. {@link ReverseMap} contains the VMAs that map the file, and {@link CachedPages} is
 * the part of the cache that outlives this object.
 */
public final class FilePages extends PageCache {
    /** The number of pages that {@link #countPages} collects at once. */
    private static final int COUNTED = 64;

    private static final VarHandle PRESENT;

    static {
        try {
            PRESENT = MethodHandles.lookup().findVarHandle(FilePages.class, "present", PresentPages.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    private final MachineMemory memory;
    private final Frames frames;
    private final boolean isOfZeros;
    private final boolean mayGrow;
    private final long number;

    /** Declared next to {@code number}, because a fault reads both fields. Changed only before the file is mapped. */
    private long pteBits;

    /** The size in bytes until {@link #present} is created. */
    private final long firstSize;

    private final ReverseMap mappings;

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
    private final @Nullable Seals seals;

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
    private volatile @Nullable PresentPages present;

    /**
     * Creates the cache of a file whose backing fetches its pages. No page is in memory.
     *
     * @param memory the machine's memory
     * @param size the size of the file in bytes, not negative
     */
    public FilePages(MachineMemory memory, long size) {
        this(memory, size, false);
    }

    /**
     * Creates the cache of a file. No page is in memory.
     *
     * @param memory the machine's memory
     * @param size the size of the file in bytes, not negative
     * @param isOfZeros whether a page that is not in memory consists of zeros, so that no backing is needed to provide
     *     it
     */
    public FilePages(MachineMemory memory, long size, boolean isOfZeros) {
        this(memory, size, isOfZeros, true);
    }

    /** Creates the cache of a file whose content is initially zeros, and whose size never changes. */
    static FilePages ofFixedSize(MachineMemory memory, long size) {
        return new FilePages(memory, size, true, false);
    }

    /** Creates the cache of a file whose dirty pages are counted; {@link SavedPages} saves them. */
    static FilePages ofSaved(MachineMemory memory, long size) {
        return new FilePages(memory, size, false, true, memory.nextCache() | Frames.SAVED, null);
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
        memory.caches().noteSealable();
        return new FilePages(memory, size, true, true, memory.nextCache(), seals);
    }

    private FilePages(MachineMemory memory, long size, boolean isOfZeros, boolean mayGrow) {
        this(memory, size, isOfZeros, mayGrow, memory.nextCache(), null);
    }

    private FilePages(
            MachineMemory memory, long size, boolean isOfZeros, boolean mayGrow, long number, @Nullable Seals seals) {
        this.memory = memory;
        this.number = number;
        this.mayGrow = mayGrow;
        this.isOfZeros = isOfZeros;
        pteBits = isOfZeros ? Pte.SHMEM : 0;
        frames = memory.frames();
        firstSize = size;
        this.seals = seals;
        mappings = new ReverseMap(memory.caches().unmapped());
    }

    PresentPages present() {
        PresentPages now = present;
        if (now == null) {
            PRESENT.compareAndSet(this, (PresentPages) null, newPresent());
            now = Objects.requireNonNull(present);
        }
        return now;
    }

    ReverseMap reverseMap() {
        return mappings;
    }

    private PresentPages newPresent() {
        return new PresentPages(this, memory, new CachedPages(memory, number, mayGrow, firstSize), mappings);
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
        PresentPages now = present;
        if (now != null) {
            now.removals.remove(null, 0, Long.MAX_VALUE);
            now.cached.leaveCaches();
        }
    }

    /**
     * Frees the pages of a segment that is not mapped any more. A fault of the last VMA may still be under way and
     * insert a page later. So the file stays registered, and ends when no thread can reach it.
     */
    private final class SegmentRemoval extends RetriedTask {
        @Override
        public boolean attempt() {
            PresentPages now = present;
            if (now != null) {
                now.removals.remove(null, 0, Long.MAX_VALUE);
            }
            return true;
        }
    }

    /** Returns the mappings of the pages from {@code first} to {@code last}, inclusive, in all spaces. */
    public PageMappings mappingsOf(long first, long last) {
        return new PageMappings(mappings, first, last);
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
        SegmentUse use = new SegmentUse(memory.rcu(), new SegmentRemoval(), whenRemoved);
        Runnable noted = memory.caches().unmapped();
        mappings.whenUnlinked(() -> {
            noted.run();
            use.end();
        });
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
        return of != null && of.isLast(vmas);
    }

    @Override
    protected int attachments() {
        return segment().count();
    }

    @Override
    protected void removeWhenDetached() {
        segment().mark();
    }

    @Override
    protected boolean isMarkedForRemoval() {
        return segment().isMarked();
    }

    @Override
    protected boolean isRemoved() {
        return segment().isRemoved();
    }

    /**
     * Starts the use of a segment by an attachment or a fork that is under way. Returns false if the segment was
     * removed.
     */
    public boolean beginUse() {
        return segment().begin();
    }

    /** Ends the use that {@link #beginUse} started. */
    public void endUse() {
        segment().end();
    }

    @Override
    public int mappings() {
        return mappingsOf(0, -1).linked();
    }

    /** Returns the page cache of the mapped file, or null if there is none. */
    public static @Nullable FilePages of(VmArea vma) {
        return vma.traits() != null && vma.traits().pageCache() instanceof FilePages file ? file : null;
    }

    /** Returns the number of the cache. Its frames have this number as their owner. */
    public long number() {
        return number;
    }

    public MachineMemory memory() {
        return memory;
    }

    @Override
    public FrameStore store() {
        return frames.store();
    }

    @Override
    public long size() {
        PresentPages now = present;
        return now == null ? firstSize : now.cached.size();
    }

    /** Returns the size in pages. A partial last page counts. */
    public long pages() {
        PresentPages now = present;
        return now == null
                ? CachedPages.pages(firstSize, Integer.numberOfTrailingZeros(frames.pageSize()))
                : now.cached.pages();
    }

    @Override
    public int frameAt(long page) {
        PresentPages now = present;
        return now == null ? Frames.NONE : now.cached.frameAt(page);
    }

    /** Reads the frames of consecutive pages, {@link Frames#NONE} for each page that is not in memory. */
    public void framesAt(long first, int count, int[] target) {
        PresentPages now = present;
        if (now == null) {
            Arrays.fill(target, 0, count, Frames.NONE);
        } else {
            now.cached.index().get(first, count, target);
        }
    }

    /**
     * Returns how many pages from {@code first} to {@code last}, inclusive, are in memory. Each page is checked
     * separately, so the result is not a snapshot.
     */
    public long countPages(long first, long last) {
        PresentPages now = present;
        long count = 0;
        long next = first;
        if (now != null) {
            long[] pages = new long[COUNTED];
            int[] taken = new int[COUNTED];
            while (next >= 0 && next <= last) {
                int found = now.cached.index().collect(next, pages, taken);
                next = found < COUNTED ? -1 : pages[found - 1] + 1;
                while (found > 0 && pages[found - 1] > last) {
                    found--;
                }
                count += found;
            }
        }
        return count;
    }

    /** Permits reclaim of clean, unpinned and unmapped pages, because the backing can read them again. */
    public void allowReclaim() {
        cached().allowReclaim();
    }

    /** Returns whether the cache was closed. No page is in memory after that. */
    public boolean isClosed() {
        PresentPages now = present;
        return now != null && now.cached.isClosed();
    }

    /** Returns the removal counter for {@link #hasRemovedSince}. It is odd while a removal is under way. */
    public long removals() {
        PresentPages now = present;
        return now == null ? 0 : now.cached.removals();
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

    PageIndex index() {
        return cached().index();
    }

    ReentrantLock content() {
        return cached().content();
    }

    @Override
    public int allocate() {
        return allocateFor(-1);
    }

    @Override
    public int allocateFor(long page) {
        return present().fresh.allocate(page);
    }

    @Override
    public void free(int frame) {
        present().fresh.free(frame);
    }

    @Override
    public int insert(long page, int frame) {
        return present().fresh.insert(page, frame, null);
    }

    /** Starts a read of consecutive pages into the cache. The caller calls {@link #endRead} afterwards. */
    public ReadsUnderWay.PageRead beginRead(long first, int count) {
        ReadsUnderWay.PageRead read = new ReadsUnderWay.PageRead(first, count);
        CachedPages cached = cached();
        cached.content().lock();
        try {
            cached.reads().add(read);
        } finally {
            cached.content().unlock();
        }
        return read;
    }

    /** Ends a read. */
    public void endRead(ReadsUnderWay.PageRead read) {
        CachedPages cached = cached();
        cached.content().lock();
        try {
            cached.reads().remove(read);
        } finally {
            cached.content().unlock();
        }
    }

    /**
     * Inserts a page like {@link #insert}, unless the page was removed or written since its read started. In that case
     * returns {@link NoFrame#STALE}, and the caller still owns the frame.
     */
    public int insertRead(ReadsUnderWay.PageRead read, int frame) {
        return present().fresh.insert(read.page(), frame, read);
    }

    /**
     * Returns the frame of a page; allocates it if the page is not in memory. May reclaim.
     *
     * @return the frame; {@link Frames#NONE} if the page is beyond the end; {@link NoFrame#NO_MEMORY} if no frame is
     *     free
     */
    public int frameFor(long page) {
        int frame = frameAt(page);
        if (frame != Frames.NONE || page < 0 || page >= pages()) {
            return frame;
        }
        int fresh = allocateFor(page);
        return fresh == Frames.NONE ? NoFrame.NO_MEMORY : insert(page, fresh);
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
        return isOfZeros && page >= 0 && page < pages()
                ? present().fresh.frameForFault(vma, page, context)
                : Frames.NONE;
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
            of.beginAnyway();
        }
        FileLink link = null;
        try {
            link = linkCounted(vma, table, isEntered);
            return link;
        } finally {
            if (link == null && of != null) {
                of.end();
            }
        }
    }

    private FileLink linkCounted(VmArea vma, PageTable table, boolean isEntered) {
        Seals own = seals;
        if (own == null || !Seals.counts(vma)) {
            return mappings.link(vma, table, isEntered);
        }
        // Allocated first: if there is no memory for it, nothing is linked.
        Seals.WritableLink counted = new Seals.WritableLink(own);
        counted.begin(mappings.link(vma, table, isEntered));
        return counted;
    }

    /** Returns the seals of a mapped file, or null if the file can never be sealed. */
    public static @Nullable Seals sealsOf(BackingTraits file) {
        return file.pageCache() instanceof FilePages pages ? pages.seals() : null;
    }

    /** Returns the seals, or null if the file can never be sealed. */
    public @Nullable Seals seals() {
        return seals;
    }

    /** Returns whether any page in memory is pinned. */
    boolean hasPins() {
        return cached().hasPins();
    }

    /** Returns the number of links, including unlinked ones that stay until the end of a lookup. */
    int linked() {
        return mappings.size();
    }

    @Override
    public long pread(byte[] target, int at, int length, long offset) {
        return present().bytes.read(ByteBuffer.wrap(target, at, length), offset, isOfZeros);
    }

    @Override
    public long pread(ByteBuffer target, long offset) {
        return present().bytes.read(target, offset, isOfZeros);
    }

    @Override
    public long pwrite(byte[] source, int at, int length, long offset) {
        return present().bytes.write(ByteBuffer.wrap(source, at, length), offset, isOfZeros, seals);
    }

    @Override
    public long pwrite(ByteBuffer source, long offset) {
        return present().bytes.write(source, offset, isOfZeros, seals);
    }

    /** Reads like {@link #pread(ByteBuffer, long)}, but treats pages that are not in memory as zeros. */
    public long preadOfZeros(ByteBuffer target, long offset) {
        return present().bytes.read(target, offset, true);
    }

    /** Writes like {@link #pwrite(ByteBuffer, long)}, but treats pages that are not in memory as zeros. */
    public long pwriteOfZeros(ByteBuffer source, long offset) {
        return present().bytes.write(source, offset, true, seals);
    }

    @Override
    public void remove(long first, long count) {
        present().removals.remove(null, first, count);
    }

    /**
     * Removes pages like {@link #remove(long, long)}, for an operation that already holds a page table context.
     *
     * @param gather the gather of the operation; see {@link DiscardPages#DiscardPages(TlbGather, long)}
     */
    public void remove(TlbGather gather, long first, long count) {
        present().removals.remove(gather, first, count);
    }

    @Override
    public void close() {
        ThreadCpus.checkMayWait("the closing of a page cache");
        if (isOfZeros) {
            throw new IllegalStateException(
                    this + " is that of a file in memory or of shared memory, and ends with it");
        }
        present().removals.close();
    }

    /**
     * Removes the whole pages of a range of bytes, like {@link #remove}, and fills the rest with zeros ({@code
     * FALLOC_FL_PUNCH_HOLE}).
     */
    public void punch(long start, long length) {
        present().truncation.punch(start, length);
    }

    @Override
    public void truncate(long bytes) {
        present().truncation.truncate(bytes);
    }

    /** Returns the last truncation whose walk is complete, for {@link #lowestSince}. */
    public TruncationLog.LoggedTruncation lastTruncation() {
        return present().truncations.walked();
    }

    /**
     * Returns the smallest size to which the file was truncated since an earlier time. Before this call, the caller
     * linked the leaf or the VMA in which a later truncation finds the pages, or it is about to check the pages itself.
     *
     * @param from the result of {@link #lastTruncation} at that time
     * @return the size in pages; pages beyond it were removed in the meantime
     */
    public long lowestSince(TruncationLog.LoggedTruncation from) {
        return TruncationLog.lowestSince(from);
    }

    /**
     * Excludes changes of the size, removals and writes by other threads ({@code inode_lock}). Blocks while another
     * thread holds the lock. Reentrant.
     */
    public void lock() {
        ThreadCpus.checkMayWait("a change of a file");
        present().removals.lock();
    }

    /** Releases {@link #lock}. */
    public void unlock() {
        present().removals.unlock();
    }

    @Override
    public String toString() {
        return "page cache " + (number & ~Frames.SAVED);
    }
}
