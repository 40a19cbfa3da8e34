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
    /** No frame, since there is none left. */
    public static final int NO_MEMORY = Frames.NONE - 1;

    private static final long NO_TAIL = -1;

    /* Between attempts to go on with what is left. */
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

    /** One change of the size, or removal, at a time, from its first step to its last. Taken before the other lock. */
    private final ReentrantLock resizing = new ReentrantLock();

    /** That of the pages. */
    private final ReentrantLock content;

    /** The removal that has begun and has not handed its frames over. Guarded by the lock of the size. */
    private @Nullable Removal left;

    /** A thread of the machine goes on with what is left. Guarded by the lock of the size. */
    private boolean isHandedOn;

    /** Where the zeros begin that a truncation owes to the rest of a page; or none. Guarded by the lock of the size. */
    private long tail = NO_TAIL;

    /**
     * The last of a chain: who holds pages of the file where no walk finds them keeps the link of when he took them,
     * and finds what has happened since by following the chain. What nobody keeps is the collector's.
     */
    private volatile Shrink shrinks;

    /**
     * The last of those that have come to their end: later ones may still walk, and have passed where pages come to
     * lie.
     */
    private volatile Shrink settled;

    /** That the file was made smaller. */
    public static final class Shrink {
        private final long pages;
        private volatile @Nullable Shrink next;

        private Shrink(long pages) {
            this.pages = pages;
        }
    }

    /**
     * Makes the cache of a file whose backing fetches its pages, with none in memory.
     *
     * @param memory the machine's
     * @param size the size of the file in bytes, not negative
     */
    public FilePages(Memory memory, long size) {
        this(memory, size, false);
    }

    /**
     * Makes the cache of a file, with no page in memory.
     *
     * @param memory the machine's
     * @param size the size of the file in bytes, not negative
     * @param isOfZeros whether a page that is not in memory is one of zeros, so that nobody need be asked for it
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

    /**
     * Its number, which its frames have as their owner.
     *
     * @return the number
     */
    public long number() {
        return number;
    }

    /**
     * The machine's memory that it is in.
     *
     * @return always the same
     */
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
     * The number of pages, a last one that is not full included.
     *
     * @return pages
     */
    public long pages() {
        return pages(cached.size());
    }

    private long pages(long bytes) {
        return (bytes >>> pageShift) + ((bytes & frames.pageSize() - 1) == 0 ? 0 : 1);
    }

    /** Where a page begins, or the last offset that there is. */
    private long startOf(long page) {
        return page > Long.MAX_VALUE >>> pageShift ? Long.MAX_VALUE : page << pageShift;
    }

    @Override
    public int frameAt(long page) {
        return page < 0 ? Frames.NONE : index.get(page);
    }

    /**
     * The frames of some pages.
     *
     * @param first the first page, not negative
     * @param count how many
     * @param target takes them, {@link Frames#NONE} for each page that is not in memory
     */
    public void framesAt(long first, int count, int[] target) {
        index.get(first, count, target);
    }

    /**
     * Has pages that are clean, unpinned and unmapped taken back before memory is used up: the backing can read them
     * again.
     */
    public void allowReclaim() {
        cached.allowReclaim();
    }

    /**
     * Whether it has been closed: then no page is ever in memory again.
     *
     * @return true if so
     */
    public boolean isClosed() {
        return cached.isClosed();
    }

    /**
     * How often pages were taken out.
     *
     * @return what {@link #hasRemovedSince} takes
     */
    public long removals() {
        return cached.removals();
    }

    /**
     * Whether a frame that was this cache's at some instant after {@link #removals} has returned may have been found
     * not to be, before this call, because it was taken out.
     *
     * @param removals what {@link #removals} has returned
     * @return false if nothing was taken out in between
     */
    public boolean hasRemovedSince(long removals) {
        // Odd: the removal that was under way then may mark a frame at any time up to its end.
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

    /** Ends the filling of a frame. Caller holds the lock of the content, so that it ends once. */
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
     * The frame of a page, made where there is none.
     *
     * @param page its number
     * @return the frame; {@link Frames#NONE} if it lies beyond the end; {@link #NO_MEMORY}
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
     * The frame of a page for a fault, made where there is none, if that takes nobody's answer. Caller is in a reader
     * section; what this waits for is held for moments, by nobody who waits.
     *
     * @param vma the mapping; nothing is made for one that is detached, so what has taken pages out after that has all
     *     of them
     * @param page the number of the page
     * @param worker the caller's
     * @return the frame, or {@link Frames#NONE}: then the backing is asked
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
     * Links a VMA that is about to map the file. Caller is about to publish it.
     *
     * @param vma the VMA
     * @param table its space's
     * @param isEntered whether no page of another mapping is in its range; otherwise {@link Linked#enter} says when
     *     none is left
     * @return what unlinks it, once its pages are retired
     */
    public Linked link(Vma vma, PageTable table, boolean isEntered) {
        return mappings.link(vma, table, isEntered);
    }

    /** How many VMAs are linked, those included that stay for a look that is under way. */
    int linked() {
        return mappings.size();
    }

    @Override
    public void remove(long first, long count) {
        removeWith(null, first, count);
    }

    /**
     * Does what {@link #remove} does, for an operation that has a worker already.
     *
     * @param gather the operation's, with a worker; as {@link DiscardPages#DiscardPages(TlbGather, long)} has it
     * @param first the first page
     * @param count how many
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

    /** Caller holds the lock of the size. */
    private void removeWith(@Nullable TlbGather lent, Removal removal) {
        // The worker first: without one nothing is changed.
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

    /** Caller holds the lock of the size. */
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
     * Lets go of the lock of the size. What the caller's change has left, because it has failed, goes to a thread of
     * the machine, unless one has it already.
     */
    private void release() {
        try {
            if (left != null && !isHandedOn) {
                memory.rcu().callAfterAnyway(this::goOnLater);
                isHandedOn = true;
            }
        } finally {
            resizing.unlock();
        }
    }

    /**
     * Goes on with the removal that has begun, up to the hand-over of its frames; nothing happens if there is none.
     * Every change that removes pages or makes the file larger does this first, so that there is one removal at a time.
     * Caller holds the lock of the size.
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

    /** The caller of the change was told of the first failure; those that follow have no other cause. */
    private void goOnLater() {
        long pause = SHORTEST_PAUSE;
        while (!hasGoneOn()) {
            LockSupport.parkNanos(this, pause);
            pause = Math.min(2 * pause, LONGEST_PAUSE);
        }
    }

    private boolean hasGoneOn() {
        // Its holder goes on too, or holds it for long: a thread of the machine does not wait for that.
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

    /** Caller holds the lock of the size. */
    private void goOnIfLeft() {
        if (left != null) {
            try (DiscardPages discarding = new DiscardPages(memory, Pte.NONE)) {
                goOn(discarding);
            }
        }
    }

    /**
     * Gives pages back that turn out to be clean, unpinned and unmapped. Takes nothing from a file whose size is just
     * being changed. Caller may wait for CPUs and for a grace period.
     *
     * @param batch pages that may be
     * @return how many were given back
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

    /** Goes on with what is left, and returns how many frames that gives back. Caller holds the lock of the size. */
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

    /** Caller holds the lock of the size, and nothing is left. */
    private int reclaim(Reclaim batch, DiscardPages discarding) {
        Removal removal = new Removal(batch.first(), batch.last(), false, batch.size());
        // Nobody puts another frame in for one of these pages before it is known which of them stay.
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
     * Like {@link #remove}, for bytes: what is not a whole page is filled with zeros ({@code FALLOC_FL_PUNCH_HOLE}).
     */
    public void punch(long start, long length) {
        Cpus.checkMayWait("the punching of a hole");
        // To the end of the last page, whose rest can be seen through mappings.
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

    /** Caller holds the lock of the size. */
    private void shrink(long bytes) {
        long first = pages(bytes);
        // The worker first: without one nothing is changed.
        try (DiscardPages discarding = new DiscardPages(memory, Pte.NONE)) {
            goOn(discarding);
            Removal removal = new Removal(first, Long.MAX_VALUE, true);
            Shrink now = new Shrink(first);
            content.lock();
            try {
                cached.collect(removal);
                cached.setSize(bytes);
                left = removal;
                // Of an earlier truncation, what is not behind this is in a page that goes.
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

    /** Fills the rest of the last page with zeros, as a truncation has to. Caller holds the lock of the size. */
    private void zeroTail(PageTableContext worker) {
        long from = tail;
        if (from != NO_TAIL) {
            zero(from, startOf(pages(from)), worker);
            tail = NO_TAIL;
        }
    }

    /**
     * The last time that the file was made smaller, and that is over.
     *
     * @return what {@link #lowestSince} begins with
     */
    public Shrink lastShrink() {
        return settled;
    }

    /**
     * How small the file has been since some instant. Caller has linked, or is about to look through, what a truncation
     * that comes after this walks.
     *
     * @param from what {@link #lastShrink} gave at that instant
     * @return pages; what lies beyond was taken away in between
     */
    public long lowestSince(Shrink from) {
        long lowest = Long.MAX_VALUE;
        for (Shrink next = from.next; next != null; next = next.next) {
            lowest = Math.min(lowest, next.pages);
        }
        return lowest;
    }

    /**
     * Makes the file larger, unless it is large enough.
     *
     * @param bytes the least size
     */
    public void growTo(long bytes) {
        Cpus.checkMayWait("a change of a file's size");
        resizing.lock();
        try {
            // What has to go, because it was beyond the end, must not be within the file again.
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

    /** Caller holds the lock of the size. */
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
     * Excludes changes of the size and removals ({@code inode_lock}), but those of the calling thread.
     */
    public void lock() {
        Cpus.checkMayWait("a change of a file");
        resizing.lock();
    }

    /** Ends what {@link #lock} began. */
    public void unlock() {
        resizing.unlock();
    }

    /**
     * The frame of a page that is about to be written, made where there is none; the file becomes large enough for what
     * is written, if there is memory for it. Caller holds the {@linkplain #lock lock}.
     *
     * @param page its number
     * @param end behind the last byte that is written
     * @return the frame, or {@link #NO_MEMORY}; nothing is changed then
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
            worker.reader().enter();
            int frame = frameAt(start >>> pageShift);
            if (frame != Frames.NONE) {
                store().fill(frame, (int) start & frames.pageSize() - 1, (int) (end - start), (byte) 0);
            }
        } finally {
            worker.reader().exitAll();
        }
    }

    /**
     * Takes removed frames, and beyond an end private copies, out of every mapping, and hands the frames over, which
     * ends the removal. If the walk fails, the removal stays {@link #left}, with its frames marked removed and in use:
     * the next change of the file, or a thread of the machine, walks again from the beginning. If what follows the
     * hand-over fails, the operation of the caller goes on with it, as {@link DiscardPages#close} has it.
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
            // Also where no entry was found: somebody may be between taking one out and its flush, and a fault between
            // the index and its check.
            discarding.owe();
            removal.handOver(discarding);
            left = null;
        } finally {
            try {
                discarding.settle();
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
     * Takes what has to go out of each mapping of the file. A look at the reverse map only notes the links that it
     * finds: what waits for CPUs comes behind the look, since nothing that is unlinked leaves the map while a look is
     * under way.
     *
     * <p>By the time a noted link is walked, its VMA may have been replaced and unlinked. That loses nothing:
     *
     * <ul>
     *   <li>A page that was taken out of the file is marked removed before the first look. It is put into no entry
     *       after that, so it is where it was at the mark: in the range of a VMA that was linked then, which the look
     *       finds, or else what has taken its place there; or in the hands of a move or a fork, which looks at the mark
     *       under the lock of the leaf before it puts the page down, and drops it.
     *   <li>A private copy beyond the end is taken while its link is not left. If the link is left, what is there may
     *       be another mapping's; if it is the successor's, that was linked before this link was left. So the walk is
     *       repeated with another look, which finds the successor, until a walk meets no link that is left. A move or a
     *       fork that has copies in its hands asks how small the file has been since, under the lock of the leaf.
     *   <li>Copies in the range of a link that is not entered are those of a mapping that its VMA replaces, and stay: a
     *       fork that began before has to find them. What is put there later is asked as above, or faulted in, within
     *       the file's size.
     * </ul>
     */
    private final class Walk implements ReverseMap.Visitor {
        private final DiscardPages discarding;
        private final long first;
        private final long last;
        private final boolean alsoCopies;

        /** For who judges accesses: until what was found is settled. */
        private final ArrayList<AccessChecker.Revocation> takings = new ArrayList<>(0);

        private final Set<ReverseMap.Link> visited = Collections.newSetFromMap(new IdentityHashMap<>());

        /** By the last look, and not walked yet. */
        private final List<ReverseMap.Link> found = new ArrayList<>();

        /** A private VMA was replaced before its copies could be taken: what took its place was linked before that. */
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

        /** Walks what the last look has found; waits for CPUs now and then. Returns whether another look is needed. */
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
                // What has begun must be noted, so room for it comes first.
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
                // A page of a mapping that is being replaced: a fork may have to copy it yet, and its operation drops
                // it.
                return false;
            }
            // Also if the VMA is detached: an operation that moves the page, or gives it another VMA, may not
            // have come to it.
            boolean isLeft = link.isLeft();
            metLeft |= isLeft;
            return !isLeft;
        }
    }
}
