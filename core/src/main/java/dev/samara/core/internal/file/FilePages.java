// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.DiscardPages;
import dev.samara.core.internal.sync.NoWaiting;
import dev.samara.core.internal.tlb.Memory;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.internal.vma.Linked;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/** The page cache of one file of one machine. */
public final class FilePages extends PageCache {
    /** The result when there is no free frame. */
    public static final int NO_MEMORY = Frames.NONE - 1;

    private static final long NO_TAIL = -1;

    /* The pauses in nanoseconds between attempts to finish a failed removal. */
    private static final long SHORTEST_PAUSE = 1_000_000;
    private static final long LONGEST_PAUSE = 1_000_000_000;

    private final Memory memory;
    private final Frames frames;
    private final int pageShift;
    private final boolean isOfZeros;
    private final CachedPages cached;
    private final long number;
    private final PageIndex index;
    private final ReverseMap mappings;

    /**
     * Serializes changes of the size and removals, from the first step to the last. Taken before the lock of the
     * content.
     */
    private final ReentrantLock resizing = new ReentrantLock();

    /** The lock of the pages: index, size and contents of the cache. */
    private final ReentrantLock content;

    /** The removal that has begun and has not handed its frames over. Guarded by the lock of the size. */
    private @Nullable Removal left;

    /** Whether a thread of the machine is to finish the removal. Guarded by the lock of the size. */
    private boolean isHandedOn;

    /**
     * Where the zeros begin that a truncation must still write to the rest of a page, or {@link #NO_TAIL}. Guarded by
     * the lock of the size.
     */
    private long tail = NO_TAIL;

    /**
     * The last link of a chain. An operation that holds pages of the file where no walk finds them remembers the link
     * of the time when it took them. It learns of later truncations by following the chain. Links that no operation
     * remembers are garbage.
     */
    private volatile Shrink shrinks;

    /** The last shrink that is over. Later ones may still walk, and may have passed the place where pages are put. */
    private volatile Shrink settled;

    /** The record that the file was made smaller. */
    public static final class Shrink {
        private final long pages;
        private volatile @Nullable Shrink next;

        private Shrink(long pages) {
            this.pages = pages;
        }
    }

    /**
     * Creates the cache of a file whose backing fetches its pages. No page is in memory.
     *
     * @param memory the machine's memory
     * @param size the size of the file in bytes, not negative
     */
    public FilePages(Memory memory, long size) {
        this(memory, size, false);
    }

    /**
     * Creates the cache of a file. No page is in memory.
     *
     * @param memory the machine's memory
     * @param size the size of the file in bytes, not negative
     * @param isOfZeros whether a page that is not in memory consists of zeros, so that no backing need be asked for it
     */
    public FilePages(Memory memory, long size, boolean isOfZeros) {
        this.memory = memory;
        this.isOfZeros = isOfZeros;
        shrinks = new Shrink(Long.MAX_VALUE);
        settled = shrinks;
        frames = memory.frames();
        pageShift = Integer.numberOfTrailingZeros(frames.pageSize());
        cached = new CachedPages(this, memory, size);
        number = cached.number();
        index = cached.index();
        content = cached.content();
        mappings = new ReverseMap(memory.caches()::noteUnmapped);
    }

    /** Returns the page cache of the mapped file; null for none. */
    public static @Nullable FilePages of(Vma vma) {
        return vma.traits() != null && vma.traits().pageCache() instanceof FilePages file ? file : null;
    }

    /**
     * Returns the number of the cache. Its frames have this number as their owner.
     *
     * @return the number
     */
    public long number() {
        return number;
    }

    public Memory memory() {
        return memory;
    }

    @Override
    public FrameStore store() {
        return frames.store();
    }

    @Override
    public long size() {
        return cached.size();
    }

    /**
     * Returns the size in pages. A partial last page counts.
     *
     * @return the number of pages
     */
    public long pages() {
        return pages(cached.size());
    }

    private long pages(long bytes) {
        return (bytes >>> pageShift) + ((bytes & frames.pageSize() - 1) == 0 ? 0 : 1);
    }

    /** Returns the offset in bytes at which a page begins, or the largest offset that exists. */
    private long startOf(long page) {
        return page > Long.MAX_VALUE >>> pageShift ? Long.MAX_VALUE : page << pageShift;
    }

    @Override
    public int frameAt(long page) {
        return page < 0 ? Frames.NONE : index.get(page);
    }

    /**
     * Reads the frames of consecutive pages.
     *
     * @param first the first page, not negative
     * @param count the number of pages
     * @param target receives the frames, {@link Frames#NONE} for each page that is not in memory
     */
    public void framesAt(long first, int count, int[] target) {
        index.get(first, count, target);
    }

    /**
     * Permits reclaim of pages that are clean, unpinned and unmapped, before memory is used up. The backing can read
     * them again.
     */
    public void allowReclaim() {
        cached.allowReclaim();
    }

    /**
     * Returns whether the cache was closed. No page is in memory after that.
     *
     * @return whether it is closed
     */
    public boolean isClosed() {
        return cached.isClosed();
    }

    /**
     * Returns a count of removals, odd while one is under way.
     *
     * @return the argument for {@link #hasRemovedSince}
     */
    public long removals() {
        return cached.removals();
    }

    /**
     * Returns whether a removal may explain that a frame is not this cache's, although it was at some instant after
     * {@link #removals} returned.
     *
     * @param removals a result of {@link #removals}
     * @return false if no page was removed in between
     */
    public boolean hasRemovedSince(long removals) {
        // Odd: the removal under way at that time may mark a frame at any time up to its end.
        return (removals & 1) != 0 || cached.removals() != removals;
    }

    PageIndex index() {
        return index;
    }

    ReentrantLock content() {
        return content;
    }

    private IllegalStateException closed(String what) {
        return new IllegalStateException(what + " was called on " + this + ", which is closed");
    }

    @Override
    public int allocate() {
        if (isClosed()) {
            throw closed("allocate");
        }
        int frame = tryAllocate();
        while (frame == Frames.NONE && memory.reclaim()) {
            frame = tryAllocate();
        }
        return frame;
    }

    private int tryAllocate() {
        PageTableContext worker = memory.borrow();
        try {
            int frame = frames.allocate(worker.magazine());
            if (frame != Frames.NONE) {
                frames.prepare(frame, number());
            }
            return frame;
        } finally {
            memory.giveBack(worker);
        }
    }

    @Override
    public void giveBack(int frame) {
        content.lock();
        try {
            take(frame, Frames.ANONYMOUS, 0);
        } finally {
            content.unlock();
        }
        drop(frame);
    }

    private void drop(int frame) {
        PageTableContext worker = memory.borrow();
        try {
            frames.drop(frame, worker.magazine());
        } finally {
            memory.giveBack(worker);
        }
    }

    /** Ends the filling of a frame. The caller holds the lock of the content, so filling ends once. */
    private void take(int frame, long owner, long page) {
        if (!frames.isPrepared(frame, number())) {
            throw new IllegalArgumentException(
                    "frame " + frame + " was not allocated for this page cache, or is inserted or given back already");
        }
        frames.assign(frame, owner, page);
    }

    @Override
    public int insert(long page, int frame) {
        NoWaiting.check("an insertion into a page cache");
        int known;
        boolean isOver;
        content.lock();
        try {
            isOver = isClosed();
            boolean isWithin = page >= 0 && page < pages();
            known = isWithin ? index.get(page) : Frames.NONE;
            if (known == Frames.NONE && isWithin && !isOver) {
                take(frame, number(), page);
                cached.put(page, frame);
                return frame;
            }
            take(frame, Frames.ANONYMOUS, 0);
        } finally {
            content.unlock();
        }
        drop(frame);
        if (isOver) {
            throw closed("insert");
        }
        return known;
    }

    /**
     * Returns the frame of a page, and allocates one if there is none. May reclaim.
     *
     * @param page the page's number
     * @return the frame; {@link Frames#NONE} if the page lies beyond the end; {@link #NO_MEMORY}
     */
    public int frameFor(long page) {
        int frame = frameAt(page);
        if (frame != Frames.NONE || page < 0 || page >= pages()) {
            return frame;
        }
        int fresh = allocate();
        return fresh == Frames.NONE ? NO_MEMORY : insert(page, fresh);
    }

    /**
     * Returns the frame of a page for a fault, and allocates one if that needs no answer of a backing. The caller is in
     * a reader section. This method waits only for a lock that is held for moments, by threads that do not wait.
     *
     * @param vma the mapping; no frame is allocated for a detached one, so a removal that comes after the detaching
     *     finds every page
     * @param page the page's number
     * @param worker the calling thread's page table context
     * @return the frame, or {@link Frames#NONE} if the backing must be asked
     */
    public int frameForFault(Vma vma, long page, PageTableContext worker) {
        if (!isOfZeros || page < 0 || page >= pages()) {
            return Frames.NONE;
        }
        int fresh = frames.allocate(worker.magazine());
        if (fresh == Frames.NONE) {
            return Frames.NONE;
        }
        int known = Frames.NONE;
        content.lock();
        try {
            if (page < pages() && !isClosed() && !vma.isDetached()) {
                known = index.get(page);
                if (known == Frames.NONE) {
                    frames.assign(fresh, number(), page);
                    cached.put(page, fresh);
                    return fresh;
                }
            }
        } finally {
            content.unlock();
        }
        frames.drop(fresh, worker.magazine());
        return known;
    }

    /**
     * Links a VMA that is about to map the file. The caller is about to publish the VMA.
     *
     * @param vma the VMA
     * @param table the page table of its space
     * @param isEntered whether no page of another mapping is in its range; otherwise the caller calls {@link
     *     Linked#enter} once there is none
     * @return the link, which the caller unlinks once the VMA's pages are retired
     */
    public Linked link(Vma vma, PageTable table, boolean isEntered) {
        return mappings.link(vma, table, isEntered);
    }

    /** Returns the number of linked VMAs, including those that stay for a lookup under way. */
    int linked() {
        return mappings.size();
    }

    @Override
    public void remove(long first, long count) {
        removeWith(null, first, count);
    }

    /**
     * Removes pages like {@link #remove(long, long)}, for an operation that already has a worker.
     *
     * @param gather the operation's, with a worker; see {@link DiscardPages#DiscardPages(TlbGather, long)}
     * @param first the first page
     * @param count the number of pages
     */
    public void remove(TlbGather gather, long first, long count) {
        removeWith(gather, first, count);
    }

    private void removeWith(@Nullable TlbGather lent, long first, long count) {
        Cpus.checkMayWait("a removal from a page cache");
        if (first < 0 || count <= 0) {
            return;
        }
        long last = first + Math.min(count - 1, Long.MAX_VALUE - first);
        resizing.lock();
        try {
            removeWith(lent, new Removal(first, last, false));
        } finally {
            release();
        }
    }

    /** The caller holds the lock of the size. */
    private void removeWith(@Nullable TlbGather lent, Removal removal) {
        // The worker comes first: without one, nothing is changed.
        try (DiscardPages discarding =
                lent == null ? new DiscardPages(memory, Pte.NONE) : new DiscardPages(lent, Pte.NONE)) {
            goOn(discarding);
            content.lock();
            try {
                cached.collect(removal);
                left = removal;
                cached.takeOut(removal);
            } finally {
                content.unlock();
            }
            goOn(discarding);
        }
    }

    @Override
    public void close() {
        Cpus.checkMayWait("the closing of a page cache");
        if (isOfZeros) {
            throw new IllegalStateException(
                    this + " is that of a file in memory or of shared memory, and ends with it");
        }
        resizing.lock();
        try (DiscardPages discarding = new DiscardPages(memory, Pte.NONE)) {
            goOn(discarding);
            if (!isClosed()) {
                takeAll();
                goOn(discarding);
            }
        } finally {
            release();
        }
    }

    /** The caller holds the lock of the size. */
    private void takeAll() {
        Removal removal = new Removal(0, Long.MAX_VALUE, false);
        content.lock();
        try {
            cached.collect(removal);
            cached.setClosed();
            left = removal;
            cached.takeOut(removal);
        } finally {
            content.unlock();
        }
    }

    /**
     * Releases the lock of the size. If the caller's change has failed and left a removal, a thread of the machine gets
     * the removal, unless one has it already.
     */
    private void release() {
        try {
            if (left != null && !isHandedOn) {
                memory.rcu().call(this::goOnLater);
                isHandedOn = true;
            }
        } finally {
            resizing.unlock();
        }
    }

    /**
     * Continues the removal that has begun, up to the hand-over of its frames; does nothing if there is none. Every
     * change that removes pages or makes the file larger does this first, so there is one removal at a time. The caller
     * holds the lock of the size.
     */
    private void goOn(DiscardPages discarding) {
        Removal removal = left;
        if (removal == null) {
            return;
        }
        if (!removal.isOut()) {
            content.lock();
            try {
                cached.takeOut(removal);
            } finally {
                content.unlock();
            }
        }
        if (isClosed()) {
            cached.leaveCaches();
        }
        unmap(discarding, removal);
    }

    /**
     * Retries without reports: the caller of the change was told of the first failure, and later ones have no other
     * cause.
     */
    private void goOnLater() {
        long pause = SHORTEST_PAUSE;
        while (!hasGoneOn()) {
            LockSupport.parkNanos(this, pause);
            pause = Math.min(2 * pause, LONGEST_PAUSE);
        }
    }

    private boolean hasGoneOn() {
        // The holder of the lock continues the removal too, or holds the lock for long. A thread of the machine does
        // not wait for that.
        if (!resizing.tryLock()) {
            return false;
        }
        try {
            goOnIfLeft();
            isHandedOn = false;
            return true;
        } catch (Throwable again) {
            return false;
        } finally {
            resizing.unlock();
        }
    }

    /** The caller holds the lock of the size. */
    private void goOnIfLeft() {
        if (left != null) {
            try (DiscardPages discarding = new DiscardPages(memory, Pte.NONE)) {
                goOn(discarding);
            }
        }
    }

    /**
     * Frees pages that turn out to be clean, unpinned and unmapped. Frees none of a file whose size is being changed.
     * The caller may wait for CPUs and for a grace period.
     *
     * @param batch the candidate pages
     * @return the number of pages that were freed
     */
    int reclaim(Reclaim batch) {
        if (batch.isEmpty() || !resizing.tryLock()) {
            return 0;
        }
        try {
            if (left != null) {
                return reclaimLeft();
            }
            mappings.visit(batch.first(), batch.last(), batch);
            batch.dismiss();
            if (batch.isEmpty()) {
                return 0;
            }
            try (DiscardPages discarding = DiscardPages.orNull(memory, Pte.NONE)) {
                return discarding == null ? 0 : reclaim(batch, discarding);
            }
        } finally {
            release();
        }
    }

    /**
     * Continues the removal that is left, and returns the number of frames that this frees. The caller holds the lock
     * of the size.
     */
    private int reclaimLeft() {
        Removal removal = left;
        try (DiscardPages discarding = DiscardPages.orNull(memory, Pte.NONE)) {
            if (removal == null || discarding == null) {
                return 0;
            }
            int count = removal.count();
            goOn(discarding);
            return count;
        }
    }

    /** The caller holds the lock of the size, and no removal is left. */
    private int reclaim(Reclaim batch, DiscardPages discarding) {
        Removal removal = new Removal(batch.first(), batch.last(), false, batch.size());
        // The lock keeps other frames from being inserted for these pages until it is known which pages stay.
        content.lock();
        try {
            batch.leaveOutGone(index);
            if (batch.isEmpty()) {
                return 0;
            }
            cached.beginRemoval();
            try {
                batch.takeOut(index, () -> mappings.visit(removal.first(), removal.last(), batch));
                batch.addTo(removal);
                if (!removal.isEmpty()) {
                    left = removal;
                }
            } finally {
                cached.endRemoval();
            }
            index.prune(removal.first(), removal.last());
        } finally {
            content.unlock();
        }
        int count = removal.count();
        goOn(discarding);
        return count;
    }

    /**
     * Removes the whole pages of a range of bytes, like {@link #remove}, and fills the rest with zeros ({@code
     * FALLOC_FL_PUNCH_HOLE}).
     */
    public void punch(long start, long length) {
        Cpus.checkMayWait("the punching of a hole");
        // Up to the end of the last page, whose rest is visible through mappings.
        long end = Math.min(start + length, startOf(pages()));
        long first = pages(start);
        long behind = end >>> pageShift;
        if (first <= behind) {
            zero(start, Math.min(startOf(first), end));
            if (behind >= first) {
                zero(Math.max(behind << pageShift, start), end);
            }
            remove(first, behind - first);
        } else {
            zero(start, end);
        }
    }

    @Override
    public void truncate(long bytes) {
        Cpus.checkMayWait("a truncation");
        if (bytes < 0) {
            throw new IllegalArgumentException("size " + bytes + " is negative");
        }
        resizing.lock();
        try {
            if (bytes < cached.size()) {
                shrink(bytes);
            } else {
                growTo(bytes);
            }
        } finally {
            release();
        }
    }

    /** The caller holds the lock of the size. */
    private void shrink(long bytes) {
        long first = pages(bytes);
        // The worker comes first: without one, nothing is changed.
        try (DiscardPages discarding = new DiscardPages(memory, Pte.NONE)) {
            goOn(discarding);
            Removal removal = new Removal(first, Long.MAX_VALUE, true);
            Shrink now = new Shrink(first);
            content.lock();
            try {
                cached.collect(removal);
                cached.setSize(bytes);
                left = removal;
                // If an earlier truncation left a tail, that tail is a part of this one or lies in a page that goes.
                tail = bytes;
                shrinks.next = now;
                shrinks = now;
                cached.takeOut(removal);
            } finally {
                content.unlock();
            }
            zeroTail(discarding.worker());
            goOn(discarding);
            settled = shrinks;
        }
    }

    /** Fills the rest of the last page with zeros, as a truncation must. The caller holds the lock of the size. */
    private void zeroTail(PageTableContext worker) {
        long from = tail;
        if (from != NO_TAIL) {
            zero(from, startOf(pages(from)), worker);
            tail = NO_TAIL;
        }
    }

    /**
     * Returns the record of the last shrink that is over.
     *
     * @return the argument for {@link #lowestSince}
     */
    public Shrink lastShrink() {
        return settled;
    }

    /**
     * Returns the smallest size of the file since some instant. The caller has linked the place that a later truncation
     * walks, or is about to look through it.
     *
     * @param from a result of {@link #lastShrink} at that instant
     * @return the size in pages; pages beyond it were removed in between
     */
    public long lowestSince(Shrink from) {
        long lowest = Long.MAX_VALUE;
        for (Shrink next = from.next; next != null; next = next.next) {
            lowest = Math.min(lowest, next.pages);
        }
        return lowest;
    }

    /**
     * Makes the file larger, unless it is large enough. May wait for CPUs.
     *
     * @param bytes the least size in bytes
     */
    public void growTo(long bytes) {
        Cpus.checkMayWait("a change of a file's size");
        resizing.lock();
        try {
            // Pages that must go because they were beyond the end must not be within the file again.
            goOnIfLeft();
            zeroTail();
            content.lock();
            try {
                cached.setSize(Math.max(cached.size(), bytes));
            } finally {
                content.unlock();
            }
        } finally {
            release();
        }
    }

    /** The caller holds the lock of the size. */
    private void zeroTail() {
        if (tail == NO_TAIL) {
            return;
        }
        PageTableContext worker = memory.borrow();
        try {
            zeroTail(worker);
        } finally {
            memory.giveBack(worker);
        }
    }

    /**
     * Excludes changes of the size and removals by other threads ({@code inode_lock}). Blocks while another thread has
     * the lock; reentrant.
     */
    public void lock() {
        Cpus.checkMayWait("a change of a file");
        resizing.lock();
    }

    /** Releases {@link #lock}. */
    public void unlock() {
        resizing.unlock();
    }

    /**
     * Returns the frame of a page that is about to be written, and allocates one if there is none. Makes the file large
     * enough for the write, if there is memory for it. The caller holds the {@linkplain #lock lock}.
     *
     * @param page the page's number
     * @param end the offset in bytes after the last byte to be written
     * @return the frame, or {@link #NO_MEMORY}, in which case nothing was changed
     */
    public int frameToWrite(long page, long end) {
        int known = frameAt(page);
        int fresh = known == Frames.NONE ? allocate() : known;
        if (fresh == Frames.NONE) {
            return NO_MEMORY;
        }
        if (end > cached.size()) {
            growTo(end);
        }
        return known == Frames.NONE ? insert(page, fresh) : known;
    }

    /** Fills bytes within one page with zeros, if the page is in memory. */
    private void zero(long start, long end) {
        if (start >= end) {
            return;
        }
        PageTableContext worker = memory.borrow();
        try {
            zero(start, end, worker);
        } finally {
            memory.giveBack(worker);
        }
    }

    private void zero(long start, long end, PageTableContext worker) {
        if (start >= end) {
            return;
        }
        try {
            worker.reader().readLock();
            int frame = frameAt(start >>> pageShift);
            if (frame != Frames.NONE) {
                store().fill(frame, (int) start & frames.pageSize() - 1, (int) (end - start), (byte) 0);
            }
        } finally {
            worker.reader().readUnlockAll();
        }
    }

    /**
     * Removes the frames of a removal, and private copies beyond an end, from every mapping. Then hands the frames
     * over, which ends the removal. If the walk fails, the removal stays {@link #left}, with its frames marked removed
     * and in use. The next change of the file, or a thread of the machine, walks again from the beginning. If a step
     * after the hand-over fails, the operation of the caller continues it, see {@link DiscardPages#close}.
     */
    private void unmap(DiscardPages discarding, Removal removal) {
        if (removal.isEmpty() && mappings.isEmpty()) {
            left = null;
            return;
        }
        Walk walk = new Walk(discarding, removal);
        try {
            do {
                mappings.visit(removal.first(), removal.last(), walk);
            } while (walk.discardFound());
            // Needed also if no entry was found: another thread may be between the removal of an entry and its flush,
            // and a fault between the index and its check.
            discarding.needGracePeriod();
            removal.handOver(discarding);
            left = null;
        } finally {
            try {
                discarding.finish();
            } finally {
                walk.takings.forEach(AccessChecker.Revocation::close);
            }
        }
    }

    @Override
    public String toString() {
        return "page cache " + number();
    }

    /**
     * Removes the pages from each mapping of the file. A lookup in the reverse map only records the links that it
     * finds. The waits for CPUs come after the lookup, since no unlinked link leaves the map while a lookup is under
     * way.
     *
     * <p>By the time a recorded link is walked, its VMA may have been replaced and unlinked. That loses nothing:
     *
     * <ul>
     *   <li>A page that was removed from the file is marked removed before the first lookup. It is put into no entry
     *       after the mark, so it is where it was at the mark. Either it is in the range of a VMA that was linked at
     *       that time, which the lookup finds, or else its successor. Or a move or a fork holds it; that operation
     *       checks the mark under the lock of the leaf before it puts the page down, and drops the page.
     *   <li>A private copy beyond the end is removed while its link is not left. If the link is left, the entry may
     *       belong to another mapping. If it belongs to the successor, the successor was linked before this link was
     *       left. So the walk is repeated with another lookup, which finds the successor, until a walk meets no link
     *       that is left. A move or a fork that holds copies asks for the smallest size of the file since, under the
     *       lock of the leaf.
     *   <li>Copies in the range of a link that is not entered are those of a mapping that its VMA replaces, and stay: a
     *       fork that began before has to find them. Copies that are put there later are checked as above, or faulted
     *       in, within the file's size.
     * </ul>
     */
    private final class Walk implements ReverseMap.Visitor {
        private final DiscardPages discarding;
        private final long first;
        private final long last;
        private final boolean alsoCopies;

        /** The revocations, for the access checker, until the flush of the removed pages is complete. */
        private final ArrayList<AccessChecker.Revocation> takings = new ArrayList<>(0);

        private final Set<ReverseMap.Link> visited = Collections.newSetFromMap(new IdentityHashMap<>());

        /** The links that the last lookup found and that are not walked yet. */
        private final List<ReverseMap.Link> found = new ArrayList<>();

        /**
         * Whether a private VMA was replaced before its copies could be removed. Its successor was linked before that.
         */
        private boolean metLeft;

        Walk(DiscardPages discarding, Removal removal) {
            this.discarding = discarding;
            first = removal.first();
            last = removal.last();
            alsoCopies = removal.alsoCopies();
        }

        @Override
        public void visit(ReverseMap.Link link) {
            if (visited.add(link)) {
                found.add(link);
            }
        }

        /**
         * Walks the links that the last lookup found; waits for CPUs now and then. Returns whether another lookup is
         * needed.
         */
        boolean discardFound() {
            metLeft = false;
            for (ReverseMap.Link link : found) {
                discard(link);
            }
            found.clear();
            return metLeft;
        }

        private void discard(ReverseMap.Link link) {
            Vma vma = link.vma();
            long offset = vma.pageOffset();
            long from = first <= offset ? vma.start() : vma.start() + ((first - offset) << pageShift);
            long span = (last - offset + 1) << pageShift;
            long end = last - offset >= vma.length() >>> pageShift ? vma.end() : vma.start() + span;
            boolean copies = alsoCopies && !vma.hasAny(VmaFlags.SHARED);
            AccessChecker oracle = memory.oracle();
            if (oracle != null) {
                // A revocation that has begun must be recorded, so its place in the list comes first.
                takings.ensureCapacity(takings.size() + 1);
                takings.add(oracle.begin(
                        "a page leaves its cache",
                        AccessChecker.ALL,
                        link.table().number(),
                        from,
                        end));
            }
            discarding.discard(link.table(), from, end, (pte, address) -> takes(link, pte, copies));
        }

        private boolean takes(ReverseMap.Link link, long pte, boolean copies) {
            if (Pte.isCached(pte)) {
                return frames.isRemoved(Pte.frame(pte));
            }
            if (!copies || !Pte.isOwn(pte)) {
                return false;
            }
            if (!link.isEntered()) {
                // A page of a mapping that is being replaced: a fork may still have to copy it, and its operation drops
                // it.
                return false;
            }
            // Also if the VMA is detached: an operation that moves the page, or gives it another VMA, may not have
            // reached it.
            boolean isLeft = link.isLeft();
            metLeft |= isLeft;
            return !isLeft;
        }
    }
}
