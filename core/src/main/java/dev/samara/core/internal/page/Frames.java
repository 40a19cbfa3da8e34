// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import dev.samara.core.vma.FrameStore;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntPredicate;
import java.util.function.LongSupplier;
import java.util.function.ObjIntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The frames of one machine and one page size: their uses, pins and marks ({@code struct page}). {@link FramePool}
 * holds the free frames.
 *
 * <p>Each frame has one word: the number of mappings and caches that use it, the number of pins, whether it is dirty,
 * and whether it was removed from its page cache. The call that ends the last use frees the frame, exactly once. A
 * frame may be freed only after the flush and the grace period that follow its last unhooking. Callers of {@link #drop}
 * ensure this.
 *
 * <p>The record of a frame of a page cache contains the number of the cache and the page in it. Both are written before
 * the frame is put into the cache, and change only after the frame is freed. A thread in a reader section that finds
 * the frame {@linkplain #isCached cached} may therefore map it without counting it.
 *
 * <p>Frame 0 is the shared zero page, which is never free and never written. Thread-safe.
 */
public final class Frames {
    /** Stands for no frame, e.g. because no free frame is left. */
    public static final int NONE = Magazine.NONE;

    /** The shared zero page. */
    public static final int ZERO = FramePool.ZERO;

    /** The owner of private pages. */
    public static final long ANONYMOUS = 0;

    /** Caches whose dirty pages are saved have this number or a higher one. */
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
     * The counts at which share and pin fail. Each is so far below the limit of its bits that all threads may
     * concurrently find room for one more count. MOST_PINS is the number of pins that a page's reference count allows
     * on Linux.
     */
    static final long MOST_MAPPINGS = 1L << 27;
    static final long MOST_PINS = 1L << 21;

    /** {@link #drop} is at most this many calls deeper than {@link #take}. */
    private static final int DEEPER = 3;

    static {
        // Initialized here and not at the first allocation, where a stack overflow could make the initialization fail
        // forever.
        FrameRecordWords.initialize();
    }

    private final FrameStore store;
    private final int pageSize;
    private final int chunkShift;
    private final int limit;

    /**
     * The {@linkplain FrameRecordWords records} of the frames of each chunk. An element is set before any frame of its
     * chunk is handed out.
     */
    private final long[][] records;

    private final FramePool pool;

    /** See {@link #countDirtied}. Set before the first frame is handed out. */
    private @Nullable DirtyPages dirtyPages;

    /**
     * The number of pins that were ever acquired, of all frames.
     *
     * <p>Words: {@code pins} and {@code unpins}.
     * Written: {@code pins} by a thread that pins a frame, {@code unpins} by a thread that released a pin in the word
     *     of the frame (get-and-add).
     * Read: any thread (volatile).
     * Pairs: an eviction reads {@code unpins}, then finds a page pinned and keeps it. The release of that pin comes
     *     later and changes {@code unpins}, so the page is checked again.
     * Invariant: the difference is the number of pins in the words of all frames, except for pins and releases in
     *     progress.
     */
    private final AtomicLong pins = new AtomicLong();

    /**
     * The number of pins that were released, of all frames. Incremented after the release is stored in the frame's
     * word.
     */
    private final AtomicLong unpins = new AtomicLong();

    /** Created here, so that a removal need not allocate it. */
    private final IntPredicate removed = this::isRemoved;

    /** The magazine for frames freed by a thread without a magazine, e.g. one that releases the last pin. */
    private final Magazine unpinned;

    public Frames(FrameStore store, int pageShift, int chunkShift, int limit, boolean poisons) {
        this(store, pageShift, chunkShift, limit, poisons, System::nanoTime, (thrown, frame) -> {});
    }

    /** Creates frames with a given clock, in nanoseconds. */
    Frames(FrameStore store, int pageShift, int chunkShift, int limit, boolean poisons, LongSupplier nanos) {
        this(store, pageShift, chunkShift, limit, poisons, nanos, (thrown, frame) -> {});
    }

    /**
     * Creates the frames of a machine. No frame exists until it is requested.
     *
     * @param store the store of the frames' bytes
     * @param pageShift binary logarithm of the size of a frame in bytes
     * @param chunkShift binary logarithm of the number of frames in a chunk, i.e. that are created together
     * @param limit the maximum number of frames, not counting the zero page; positive
     * @param poisons whether free frames, new ones included, are filled with a pattern that makes their use visible
     * @param quarantine is called with an exception that the store threw when a frame was freed, and with the frame. It
     *     is called on the thread that frees the frame, and must neither wait nor throw
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

    /** Returns the store if it is {@link DirectFrames}, else null. */
    public @Nullable DirectFrames direct() {
        return store instanceof DirectFrames usual ? usual : null;
    }

    /** Returns the store if its frames may be in a region, else null. */
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

    /** Returns the maximum number of frames, not counting the zero page. */
    public int most() {
        return limit - 1;
    }

    /** Creates an empty magazine for one owner. May wait for the lock of the pool. */
    public Magazine newMagazine() {
        return pool.newMagazine();
    }

    /** Discards a magazine, and returns its frames to the pool. */
    public void discard(Magazine magazine) {
        pool.discard(magazine);
    }

    /**
     * Allocates a frame filled with zeros, with one use, which belongs to the caller. Returns {@link #NONE} if there is
     * none.
     */
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

    /** Takes a frame a few calls deeper than needed. If that succeeds, enough stack is left to drop the frame. */
    private int takeFrom(int calls, Magazine magazine) {
        return calls == 0 ? take(magazine) : takeFrom(calls - 1, magazine);
    }

    /**
     * Fills the zero page if it is not filled yet. Called before a thread uses {@link #ZERO}. Returns false if there is
     * no memory.
     */
    public boolean makeZero() {
        return pool.makeZero();
    }

    private int take(Magazine magazine) {
        int frame = pool.take(magazine);
        if (frame != NONE) {
            // A store suffices, because no other thread knows the frame yet.
            FrameRecordWords.setWordRelease(recordsOf(frame), positionOf(frame), 1);
        }
        return frame;
    }

    /** Puts back a frame that no other thread knows. */
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
     * Increments the number of mappings. The caller ensures that the frame is not freed concurrently.
     *
     * @return false, with nothing changed, if the frame already has the maximum number of mappings
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
     * Decrements the number of mappings and caches, and frees the frame if that was its last use.
     *
     * @throws IllegalStateException if no mapping or cache uses the frame; nothing is changed then
     */
    public void drop(int frame, Magazine magazine) {
        // Volatile: releases the caller's accesses to the frame, and acquires the accesses of other users before the
        // frame is freed. Pairs with itself, and with isSole.
        long before = FrameRecordWords.getAndAddWord(recordsOf(frame), positionOf(frame), -1L);
        if ((before & COUNT) == 0) {
            FrameRecordWords.getAndAddWord(recordsOf(frame), positionOf(frame), 1L);
            throw new IllegalStateException("frame " + frame + " was dropped, and is not in use");
        }
        if ((before & USES) == 1) {
            free(frame, magazine);
        }
    }

    /** Like {@link #drop(int, Magazine)}, for a thread without a magazine. */
    public void drop(int frame) {
        drop(frame, unpinned);
    }

    /**
     * Pins a frame, which keeps it usable until it is unpinned, even without mappings. The caller ensures that the
     * frame is not freed concurrently.
     *
     * @return false, with nothing changed, if the frame already has the maximum number of pins
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
     * @throws IllegalStateException if the frame has no pin, or does not exist; nothing is changed then
     */
    public void unpin(int frame) {
        unpin(frame, unpinned);
    }

    /**
     * Ends a pin, and frees the frame if that was its last use.
     *
     * @throws IllegalStateException if the frame has no pin, or does not exist; nothing is changed then
     */
    public void unpin(int frame, Magazine magazine) {
        // A pin is subtracted only if the count is not zero, because otherwise the subtraction would also change the
        // marks next to the count, which other threads read.
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
     * Returns the number of pins that were released, of all frames. If a thread reads this number and then finds a
     * frame pinned, it reads a larger number after that pin is released.
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
        // Acquire: pairs with the decrement in drop, which follows another user's last read.
        return (FrameRecordWords.wordAcquire(recordsOf(frame), positionOf(frame)) & USES) == 1;
    }

    /** Returns how often a frame was freed. If the stamp has changed, the frame contains another page. */
    public long reuseStamp(int frame) {
        return FrameRecordWords.reuseStampOpaque(recordsOf(frame), positionOf(frame));
    }

    private void free(int frame, Magazine magazine) {
        boolean isSound = true;
        try {
            isSound = pool.poison(frame);
        } finally {
            // Runs even if stack or heap are exhausted. Needs no more stack than allocateDirty, or than the fill in
            // allocate, so a thread that took a frame can always return it.
            if (isSound) {
                release(frame, magazine);
            }
        }
    }

    private void release(int frame, Magazine magazine) {
        long[] chunk = recordsOf(frame);
        int at = positionOf(frame);
        FrameRecordWords.setOwner(chunk, at, ANONYMOUS);
        // No other thread frees the frame. Opaque, because checked TLBs concurrently compare the stamp of a frame that
        // they assume to be mapped.
        FrameRecordWords.incrementReuseStampOpaque(chunk, at);
        FrameRecordWords.setWordRelease(chunk, at, 0);
        pool.put(frame, magazine);
    }

    /** Returns the number of frames that are never allocated again, because the store threw when they were freed. */
    public int quarantined() {
        return pool.quarantined();
    }

    /**
     * Assigns a new frame to a cache. The caller just allocated the frame, and puts it into the cache after this call.
     *
     * @param owner the number of the cache, above {@link #ANONYMOUS}
     * @param page the page of the cache
     */
    public void assign(int frame, long owner, long page) {
        // The owner is stored last, so a thread that reads the owner also reads the page, even if it found the frame's
        // number before the frame was assigned to this cache. Pairs with isCached.
        FrameRecordWords.setPage(recordsOf(frame), positionOf(frame), page);
        FrameRecordWords.setOwnerRelease(recordsOf(frame), positionOf(frame), owner);
    }

    /**
     * Marks a new frame as being filled for a cache. The caller just allocated the frame.
     *
     * @param owner the number of the cache, above {@link #ANONYMOUS}
     */
    public void prepare(int frame, long owner) {
        FrameRecordWords.setOwner(recordsOf(frame), positionOf(frame), -owner);
    }

    /**
     * Returns whether a frame is being filled for a cache. Exact on the thread that fills it. For other threads, this
     * is a benign race: they read false, or the cache rejects them anyway.
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
        // A volatile read, after the leaf was linked. Pairs with remove, which precedes the walk that clears the
        // frame's entries.
        long word = FrameRecordWords.wordVolatile(chunk, at);
        return (word & COUNT) != 0
                && (word & REMOVED) == 0
                && FrameRecordWords.ownerAcquire(chunk, at) == owner
                && FrameRecordWords.page(chunk, at) == page;
    }

    /**
     * Returns the number of the cache that a frame was assigned to last. The caller found the frame in the entry of a
     * page in a page cache, and no thread can free it.
     */
    public long cacheOf(int frame) {
        return FrameRecordWords.ownerAcquire(recordsOf(frame), positionOf(frame));
    }

    /** Returns a frame's page in its cache. The caller calls {@link #cacheOf} first. */
    public long pageOf(int frame) {
        return FrameRecordWords.page(recordsOf(frame), positionOf(frame));
    }

    /** Marks a frame as removed from its cache. The removing thread calls this before it walks the mappings. */
    public void remove(int frame) {
        // Volatile: a full fence before the walk. Pairs with isCached.
        FrameRecordWords.getAndOrWord(recordsOf(frame), positionOf(frame), REMOVED);
    }

    /**
     * Undoes {@link #remove}: the frame is its cache's page again. The caller holds a use count of the frame, so it
     * cannot be freed, and puts the frame into the cache after this call.
     */
    public void restore(int frame) {
        FrameRecordWords.getAndAndWord(recordsOf(frame), positionOf(frame), ~REMOVED);
    }

    /** Returns a predicate that calls {@link #isRemoved}; always the same object. */
    public IntPredicate removed() {
        return removed;
    }

    /** Returns whether a frame was removed from its cache and is not yet free. */
    public boolean isRemoved(int frame) {
        return (FrameRecordWords.wordVolatile(recordsOf(frame), positionOf(frame)) & REMOVED) != 0;
    }

    /**
     * Records whether a page of a cache has used up its second chance; it is then freed unless it is mapped again. The
     * caller ensures that the frame stays in its cache.
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

    /** Returns the value of the last call of {@link #setInactive}. */
    public boolean isInactive(int frame) {
        return (FrameRecordWords.wordOpaque(recordsOf(frame), positionOf(frame)) & INACTIVE) != 0;
    }

    /** Records whether the last write of a page failed. The caller ensures that the frame is not freed. */
    public void setWriteFailed(int frame, boolean has) {
        if (hasWriteFailed(frame) != has) {
            mark(frame, WRITE_FAILED, has);
        }
    }

    /** Returns the value of the last call of {@link #setWriteFailed}. */
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
     * Sets the counter of pages that become dirty in caches whose numbers are at least {@link #SAVED}. Called before
     * the first frame is handed out.
     *
     * @param counter is called each time that a page becomes dirty
     */
    public void countDirtied(DirtyPages counter) {
        dirtyPages = counter;
    }

    /**
     * Counts a frame of a cache that just became dirty, by its own mark or by the mark of an entry. The frame is not
     * freed during the call.
     */
    public void noteDirtied(int frame) {
        DirtyPages counter = dirtyPages;
        if (counter != null && isSaved(frame)) {
            counter.add(pageSize);
        }
    }

    /** The absolute value, because the number is negative before the frame is put into its cache. */
    private boolean isSaved(int frame) {
        return Math.abs(FrameRecordWords.owner(recordsOf(frame), positionOf(frame))) >= SAVED;
    }

    /**
     * Returns whether {@link #balanceDirty} is due before a frame becomes dirty. Stores nothing, and does not wait. If
     * the frame is freed concurrently, the result may be about another page.
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

    /** Writes pages of files back if too many are dirty; see {@link DirtyPages#balance}. May wait. */
    public void balanceDirty() {
        DirtyPages of = dirtyPages;
        if (of != null) {
            of.balance();
        }
    }

    /**
     * Clears the mark of {@link #setDirty}, before the bytes of the frame are saved. The mark of a pinned frame stays,
     * because the holder of the pin may write at any time. The caller ensures that the frame is not freed.
     *
     * @return whether the frame was marked
     */
    public boolean clearDirty(int frame) {
        long[] chunk = recordsOf(frame);
        int at = positionOf(frame);
        for (; ; ) {
            // Volatile, like the compare-and-set, and so before the walk that follows. Pairs with GuestPins, which pins
            // the frame and then reads the mark: either this thread sees the pin, or GuestPins sets the mark.
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
     * Returns the number of frames in use, not counting the zero page. Exact if no other thread allocates or frees
     * concurrently; a frame that is allocated and freed during the call may be counted as free twice.
     */
    public int inUse() {
        return pool.inUse();
    }
}
