// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import dev.samara.core.vma.FrameStore;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntPredicate;
import java.util.function.LongSupplier;
import java.util.function.ObjIntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The frames of one machine and one page size: their uses, pins and marks ({@code struct page}). {@link FramePool} has
 * the free ones.
 *
 * <p>Each frame has one word: the number of mappings and caches that use it, the number of pins, whether it is dirty,
 * and whether it was removed from its page cache. The call that ends the last use frees the frame; that happens once. A
 * frame may be freed only after the flush and the grace period that follow its last unhooking. Callers of {@link #drop}
 * ensure this.
 *
 * <p>A frame of a page cache has the number of its cache and its page there. Both are written before the frame is put
 * into the cache, and change only once the frame is free. A thread in a reader section that finds the frame {@linkplain
 * #isCached cached} may therefore map it without counting it.
 *
 * <p>Frame 0 is the shared zero page, never free and never written. Thread-safe.
 */
public final class Frames {
    /** No frame: none is left, or none is meant. */
    public static final int NONE = Magazine.NONE;

    /** The shared zero page. */
    public static final int ZERO = FramePool.ZERO;

    /** The owner of private pages. */
    public static final long ANONYMOUS = 0;

    /** The lowest number of a cache whose dirty pages are saved. */
    public static final long SAVED = 1L << 62;

    private static final long COUNT = (1L << 28) - 1;
    private static final int PIN_SHIFT = 28;
    private static final long PIN = 1L << PIN_SHIFT;
    private static final long PINS = ((1L << 28) - 1) << PIN_SHIFT;
    private static final long DIRTY = 1L << 60;
    private static final long REMOVED = 1L << 61;
    private static final long INACTIVE = 1L << 62;
    private static final long WRITE_FAILED = 1L << 63;
    private static final long USES = COUNT | PINS;

    /*
     * The counts at which share and pin refuse. Each is far enough below the limit of its bits that all threads may
     * find one count left at once. MOST_PINS is the number of pins that a page's reference count allows on Linux.
     */
    static final long MOST_MAPPINGS = 1L << 27;
    static final long MOST_PINS = 1L << 21;

    /** {@link #drop} is at most this many calls deeper than {@link #take}. */
    private static final int DEEPER = 3;

    static {
        // Not at the first allocation: the initialization may fail at the end of a stack, and then fails forever.
        FrameRecordWords.initialize();
    }

    private final FrameStore store;
    private final int pageSize;
    private final int chunkShift;
    private final int limit;

    /**
     * The {@linkplain FrameRecordWords records} of all frames, by chunk. An element is set before any frame of its
     * chunk is handed out.
     */
    private final long[][] records;

    private final FramePool pool;

    /** See {@link #countDirtied}. Set before the first frame is handed out. */
    private @Nullable DirtyPages dirtyPages;

    /**
     * The number of pins of all frames that have begun.
     *
     * @words {@code pins} and {@code unpins}
     * @written {@code pins} by a thread that pins a frame, {@code unpins} by one that has released a pin in the word of
     *     the frame (get-and-add)
     * @read any thread (volatile)
     * @pairs an eviction reads {@code unpins}, then finds a page pinned and keeps it. The release of that pin comes
     *     later, so {@code unpins} is another number then, and the page is looked at again
     * @invariant the difference is the number of pins in the words of all frames, but for pins and releases under way
     */
    private final AtomicLong pins = new AtomicLong();

    /** The number of those that have ended. Counted after the frame says so. */
    private final AtomicLong unpins = new AtomicLong();

    /** Made before a removal, which allocates nothing for it. */
    private final IntPredicate removed = this::isRemoved;

    /** For frames that a thread frees which has no magazine, such as one that ends the last pin. */
    private final Magazine unpinned;

    public Frames(FrameStore store, int pageShift, int chunkShift, int limit, boolean poisons) {
        this(store, pageShift, chunkShift, limit, poisons, System::nanoTime, (thrown, frame) -> {});
    }

    /** Takes a clock of nanoseconds. */
    Frames(FrameStore store, int pageShift, int chunkShift, int limit, boolean poisons, LongSupplier nanos) {
        this(store, pageShift, chunkShift, limit, poisons, nanos, (thrown, frame) -> {});
    }

    /**
     * Makes the frames of a machine. No frame exists until it is requested.
     *
     * @param store the store of the frames' bytes
     * @param pageShift binary logarithm of the size of a frame in bytes
     * @param chunkShift binary logarithm of the number of frames that are made at once
     * @param limit the most frames there may be, the zero page not counted, positive
     * @param poisons whether free frames, new ones included, are filled with a pattern that makes their use visible
     * @param quarantine is given the exception that the store has thrown when a frame was freed, and the frame. It is
     *     called on the thread that frees the frame, and must neither wait nor throw
     */
    public Frames(
            FrameStore store,
            int pageShift,
            int chunkShift,
            int limit,
            boolean poisons,
            ObjIntConsumer<Throwable> quarantine) {
        this(store, pageShift, chunkShift, limit, poisons, System::nanoTime, quarantine);
    }

    private Frames(
            FrameStore store,
            int pageShift,
            int chunkShift,
            int limit,
            boolean poisons,
            LongSupplier nanos,
            ObjIntConsumer<Throwable> quarantine) {
        this.store = store;
        this.pageSize = 1 << pageShift;
        this.chunkShift = chunkShift;
        this.limit = limit + 1;
        int chunks = (int) (((long) this.limit + (1L << chunkShift) - 1) >>> chunkShift);
        records = new long[chunks][];
        pool = new FramePool(store, pageSize, chunkShift, records, this.limit, poisons, nanos, quarantine);
        unpinned = pool.newMagazine();
    }

    /** Returns the store if it is the usual one, else null. */
    public @Nullable DirectFrames direct() {
        return store instanceof DirectFrames usual ? usual : null;
    }

    /** Returns the store if its frames may lie in a region, else null. */
    public @Nullable FrameRegion region() {
        return store instanceof FrameRegion of ? of : null;
    }

    public FrameStore store() {
        return store;
    }

    /** Returns the size of a frame in bytes. */
    public int pageSize() {
        return pageSize;
    }

    /** Returns the most frames there may be, the zero page not counted. */
    public int most() {
        return limit - 1;
    }

    /** Makes an empty magazine for one owner. May wait for the lock of the pool. */
    public Magazine newMagazine() {
        return pool.newMagazine();
    }

    /** Discards a magazine, and returns its frames to the pool. */
    public void discard(Magazine magazine) {
        pool.discard(magazine);
    }

    /** Allocates a frame filled with zeros, with one use, the caller's. Returns {@link #NONE} if there is none. */
    public int allocate(Magazine magazine) {
        int frame = take(magazine);
        boolean done = frame == NONE;
        try {
            if (!done) {
                store.fill(frame, 0, pageSize, (byte) 0);
                done = true;
            }
            return frame;
        } finally {
            if (!done) {
                untake(frame, magazine);
            }
        }
    }

    /** Like {@link #allocate}, with arbitrary content. The caller overwrites all of it. */
    public int allocateDirty(Magazine magazine) {
        return takeFrom(DEEPER, magazine);
    }

    /** Takes a frame some calls deeper. If that succeeds, enough stack is left to drop the frame. */
    private int takeFrom(int calls, Magazine magazine) {
        return calls == 0 ? take(magazine) : takeFrom(calls - 1, magazine);
    }

    /** Makes the zero page, which a thread does before it uses {@link #ZERO}. Returns false if there is no memory. */
    public boolean makeZero() {
        return pool.makeZero();
    }

    private int take(Magazine magazine) {
        int frame = pool.take(magazine);
        if (frame != NONE) {
            // No other thread knows the frame yet.
            FrameRecordWords.setWordRelease(recordsOf(frame), positionOf(frame), 1);
        }
        return frame;
    }

    /** Puts back a frame that no other thread has seen. */
    private void untake(int frame, Magazine magazine) {
        FrameRecordWords.setWordRelease(recordsOf(frame), positionOf(frame), 0);
        pool.untake(frame, magazine);
    }

    /** Returns the position of a frame's record in the records of its chunk. */
    private int positionOf(int frame) {
        return (frame & (1 << chunkShift) - 1) << FrameRecordWords.SHIFT;
    }

    private long[] recordsOf(int frame) {
        return records[frame >>> chunkShift];
    }

    /**
     * Counts one more mapping. The caller ensures that the frame is not freed meanwhile.
     *
     * @return false if the frame has too many mappings to count another; nothing has changed then
     */
    public boolean share(int frame) {
        long[] chunk = recordsOf(frame);
        int at = positionOf(frame);
        if ((FrameRecordWords.wordOpaque(chunk, at) & COUNT) >= MOST_MAPPINGS) {
            return false;
        }
        FrameRecordWords.getAndAddWord(chunk, at, 1L);
        return true;
    }

    /**
     * Counts one mapping or cache less, and frees the frame if that was its last use.
     *
     * @throws IllegalStateException if no mapping or cache uses the frame; nothing has changed then
     */
    public void drop(int frame, Magazine magazine) {
        // Volatile: releases the caller's accesses to the frame, and acquires those of other users before the frame is
        // freed. Pairs with itself, and with isSole.
        long before = FrameRecordWords.getAndAddWord(recordsOf(frame), positionOf(frame), -1L);
        if ((before & COUNT) == 0) {
            FrameRecordWords.getAndAddWord(recordsOf(frame), positionOf(frame), 1L);
            throw new IllegalStateException("frame " + frame + " was dropped, and is not in use");
        }
        if ((before & USES) == 1) {
            free(frame, magazine);
        }
    }

    /** Counts one use less like {@link #drop(int, Magazine)}, by a thread that has no magazine. */
    public void drop(int frame) {
        drop(frame, unpinned);
    }

    /**
     * Pins a frame: it stays usable until it is unpinned, even without mappings. The caller ensures that the frame is
     * not freed meanwhile.
     *
     * @return false if the frame has too many pins to count another; nothing has changed then
     */
    public boolean pin(int frame) {
        long[] chunk = recordsOf(frame);
        int at = positionOf(frame);
        if ((FrameRecordWords.wordOpaque(chunk, at) & PINS) >>> PIN_SHIFT >= MOST_PINS) {
            return false;
        }
        FrameRecordWords.getAndAddWord(chunk, at, PIN);
        pins.getAndIncrement();
        return true;
    }

    /**
     * Ends a pin, on any thread, and frees the frame if that was its last use. Allocates nothing.
     *
     * @throws IllegalStateException if the frame has no pin, or does not exist; nothing has changed then
     */
    public void unpin(int frame) {
        unpin(frame, unpinned);
    }

    /**
     * Ends a pin, and frees the frame if that was its last use.
     *
     * @throws IllegalStateException if the frame has no pin, or does not exist; nothing has changed then
     */
    public void unpin(int frame, Magazine magazine) {
        // A pin is subtracted only if the word has one: a borrow would change the marks, which other threads read.
        for (; ; ) {
            long before = isMade(frame) ? FrameRecordWords.wordAcquire(recordsOf(frame), positionOf(frame)) : 0;
            if ((before & PINS) == 0) {
                throw new IllegalStateException("frame " + frame + " was unpinned, and has no pin");
            }
            if (FrameRecordWords.compareAndSetWord(recordsOf(frame), positionOf(frame), before, before - PIN)) {
                unpins.getAndIncrement();
                if ((before & USES) == PIN) {
                    free(frame, magazine);
                }
                return;
            }
        }
    }

    /** Returns whether a frame exists; it may be free. */
    private boolean isMade(int frame) {
        return frame >= ZERO && frame < limit && records[frame >>> chunkShift] != null;
    }

    /** Returns whether a frame has pins. */
    public boolean isPinned(int frame) {
        return isMade(frame) && (FrameRecordWords.wordVolatile(recordsOf(frame), positionOf(frame)) & PINS) != 0;
    }

    /** Returns the number of pins of all frames at some instant of this call. */
    public long pins() {
        long ended;
        long begun;
        do {
            ended = unpins.get();
            begun = pins.get();
        } while (unpins.get() != ended);
        return begun - ended;
    }

    /**
     * Returns the number of pins of all frames that have ended. A thread that reads it and then finds a frame pinned
     * reads a larger number once that pin has ended.
     */
    public long unpins() {
        return unpins.get();
    }

    /** Returns the number of mappings and caches that use a frame, at some instant of this call. */
    public int mappings(int frame) {
        return (int) (FrameRecordWords.wordOpaque(recordsOf(frame), positionOf(frame)) & COUNT);
    }

    /** Returns whether the caller's mapping is the only use of a frame. */
    public boolean isSole(int frame) {
        // Acquire: pairs with the subtraction of drop, which follows another user's last read.
        return (FrameRecordWords.wordAcquire(recordsOf(frame), positionOf(frame)) & USES) == 1;
    }

    /** Returns how often a frame was freed. Another stamp means that the frame has another page now. */
    public long reuseStamp(int frame) {
        return FrameRecordWords.reuseStampOpaque(recordsOf(frame), positionOf(frame));
    }

    private void free(int frame, Magazine magazine) {
        boolean isSound = true;
        try {
            isSound = pool.poison(frame);
        } finally {
            // Also if stack or heap are used up. Needs no more stack than allocateDirty, or than the fill of allocate.
            // A thread that has taken a frame can therefore give it back.
            if (isSound) {
                release(frame, magazine);
            }
        }
    }

    private void release(int frame, Magazine magazine) {
        long[] chunk = recordsOf(frame);
        int at = positionOf(frame);
        FrameRecordWords.setOwner(chunk, at, ANONYMOUS);
        // No other thread frees the frame. Opaque: checked TLBs compare the stamp of a frame that they believe mapped.
        FrameRecordWords.incrementReuseStampOpaque(chunk, at);
        FrameRecordWords.setWordRelease(chunk, at, 0);
        pool.put(frame, magazine);
    }

    /** Returns the number of frames that are never allocated again, because the store has thrown at their free. */
    public int quarantined() {
        return pool.quarantined();
    }

    /**
     * Assigns a new frame to a cache. The caller has just allocated the frame, and puts it into the cache after this
     * call.
     *
     * @param owner the number of the cache, above {@link #ANONYMOUS}
     * @param page the page of the cache
     */
    public void assign(int frame, long owner, long page) {
        // The owner last: a thread that reads the owner also reads the page, even if it has found the frame's number
        // before the frame was assigned to this cache. Pairs with isCached.
        FrameRecordWords.setPage(recordsOf(frame), positionOf(frame), page);
        FrameRecordWords.setOwnerRelease(recordsOf(frame), positionOf(frame), owner);
    }

    /**
     * Marks a new frame as being filled for a cache. The caller has just allocated it.
     *
     * @param owner the number of the cache, above {@link #ANONYMOUS}
     */
    public void prepare(int frame, long owner) {
        FrameRecordWords.setOwner(recordsOf(frame), positionOf(frame), -owner);
    }

    /**
     * Returns whether a frame is being filled for a cache. Exact on the thread that fills it. For other threads this is
     * a benign race: they read false, or the cache has to refuse them anyway.
     *
     * @param frame any number
     */
    public boolean isPrepared(int frame, long owner) {
        return isMade(frame) && FrameRecordWords.owner(recordsOf(frame), positionOf(frame)) == -owner;
    }

    /**
     * Returns whether a frame is a given page of a cache. A caller that uses the frame after this call is in a reader
     * section.
     *
     * @param frame any number
     */
    public boolean isCached(int frame, long owner, long page) {
        if (!isMade(frame)) {
            return false;
        }
        long[] chunk = recordsOf(frame);
        int at = positionOf(frame);
        // Volatile: after the leaf was linked. Pairs with remove, which precedes the walk that clears the frame's
        // entries.
        long word = FrameRecordWords.wordVolatile(chunk, at);
        return (word & COUNT) != 0
                && (word & REMOVED) == 0
                && FrameRecordWords.ownerAcquire(chunk, at) == owner
                && FrameRecordWords.page(chunk, at) == page;
    }

    /**
     * Returns the number of the cache that a frame was assigned to last. The caller has found the frame in an entry of
     * a page cache's page, and no thread can free it.
     */
    public long cacheOf(int frame) {
        return FrameRecordWords.ownerAcquire(recordsOf(frame), positionOf(frame));
    }

    /** Returns the page of {@link #cacheOf}, which the caller calls first. */
    public long pageOf(int frame) {
        return FrameRecordWords.page(recordsOf(frame), positionOf(frame));
    }

    /** Marks a frame as removed from its cache. The thread that removes it calls this before it walks the mappings. */
    public void remove(int frame) {
        // Volatile: a full fence before the walk. Pairs with isCached.
        FrameRecordWords.getAndOrWord(recordsOf(frame), positionOf(frame), REMOVED);
    }

    /**
     * Undoes {@link #remove}: the frame is its cache's page again. The caller has a use of the frame, and puts it into
     * the cache after this call.
     */
    public void restore(int frame) {
        FrameRecordWords.getAndAndWord(recordsOf(frame), positionOf(frame), ~REMOVED);
    }

    /** Returns what calls {@link #isRemoved}. */
    public IntPredicate removed() {
        return removed;
    }

    /** Returns whether a frame has been removed from its cache, and is not free yet. */
    public boolean isRemoved(int frame) {
        return (FrameRecordWords.wordVolatile(recordsOf(frame), positionOf(frame)) & REMOVED) != 0;
    }

    /**
     * Notes whether a page of a cache has used its second chance: it is freed unless it is mapped again. The caller
     * keeps the frame in its cache.
     */
    public void setInactive(int frame, boolean is) {
        mark(frame, INACTIVE, is);
    }

    private void mark(int frame, long mark, boolean is) {
        if (is) {
            FrameRecordWords.getAndOrWord(recordsOf(frame), positionOf(frame), mark);
        } else {
            FrameRecordWords.getAndAndWord(recordsOf(frame), positionOf(frame), ~mark);
        }
    }

    /** Returns whether {@link #setInactive} was called last with true. */
    public boolean isInactive(int frame) {
        return (FrameRecordWords.wordOpaque(recordsOf(frame), positionOf(frame)) & INACTIVE) != 0;
    }

    /** Notes whether the last write of a page has failed. The caller has the frame. */
    public void setWriteFailed(int frame, boolean has) {
        if (hasWriteFailed(frame) != has) {
            mark(frame, WRITE_FAILED, has);
        }
    }

    /** Returns whether {@link #setWriteFailed} was called last with true. */
    public boolean hasWriteFailed(int frame) {
        return (FrameRecordWords.wordOpaque(recordsOf(frame), positionOf(frame)) & WRITE_FAILED) != 0;
    }

    /** Marks a frame as written. */
    public void setDirty(int frame) {
        if (!isDirty(frame)) {
            FrameRecordWords.getAndOrWord(recordsOf(frame), positionOf(frame), DIRTY);
        }
    }

    /**
     * Has pages counted that become dirty, of caches whose numbers are at least {@link #SAVED}. Called before the first
     * frame is handed out.
     *
     * @param counter counts a page that becomes dirty again once more
     */
    public void countDirtied(DirtyPages counter) {
        dirtyPages = counter;
    }

    /**
     * Counts a frame of a cache that has just become dirty: by a mark, or by that of an entry. The frame is not freed
     * during the call.
     */
    public void noteDirtied(int frame) {
        DirtyPages counter = dirtyPages;
        if (counter != null && isSaved(frame)) {
            counter.add(pageSize);
        }
    }

    /** The number is negative before the frame is put into its cache. */
    private boolean isSaved(int frame) {
        return Math.abs(FrameRecordWords.owner(recordsOf(frame), positionOf(frame))) >= SAVED;
    }

    /**
     * Returns whether {@link #balanceDirty} is due before a frame becomes dirty. Stores nothing, and does not wait. If
     * the frame is freed meanwhile, the answer is about another one.
     */
    public boolean isBalanceDue(int frame) {
        DirtyPages of = dirtyPages;
        return of != null && of.isBalanceDue() && isSaved(frame);
    }

    /** Returns whether {@link #balanceDirty} is due before a page of a saved file becomes dirty. Does not wait. */
    public boolean isBalanceDue() {
        DirtyPages of = dirtyPages;
        return of != null && of.isBalanceDue();
    }

    /** Has pages of files written if too many are dirty; see {@link DirtyPages#balance}. May wait. */
    public void balanceDirty() {
        DirtyPages of = dirtyPages;
        if (of != null) {
            of.balance();
        }
    }

    /**
     * Ends the mark of {@link #setDirty}, before the bytes of the frame are saved. The mark of a pinned frame stays:
     * what has the pin may write at any time. The caller has the frame.
     *
     * @return whether the frame was marked
     */
    public boolean clearDirty(int frame) {
        long[] chunk = recordsOf(frame);
        int at = positionOf(frame);
        for (; ; ) {
            // Volatile, as the comparison: before the walk that follows. Pairs with GuestPins, which pins the frame
            // and then looks for the mark: the pin is seen here, or the mark is set there.
            long word = FrameRecordWords.wordVolatile(chunk, at);
            if ((word & DIRTY) == 0) {
                return false;
            }
            if ((word & PINS) != 0 || FrameRecordWords.compareAndSetWord(chunk, at, word, word & ~DIRTY)) {
                return true;
            }
        }
    }

    /** Returns whether a frame is marked as written. */
    public boolean isDirty(int frame) {
        return (FrameRecordWords.wordOpaque(recordsOf(frame), positionOf(frame)) & DIRTY) != 0;
    }

    /**
     * Returns the number of frames in use, the zero page not counted. Exact if no other thread allocates or frees
     * meanwhile; otherwise a frame that is allocated and freed meanwhile may count as free twice.
     */
    public int inUse() {
        return pool.inUse();
    }
}
