// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import dev.samara.core.vma.FrameStore;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import java.util.function.ObjIntConsumer;

/**
 * The frames of one machine and one page size: the free frames, and the uses of the others.
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
    public static final int NONE = -1;

    /** The shared zero page. */
    public static final int ZERO = 0;

    /** The owner of private pages. */
    public static final long ANONYMOUS = 0;

    private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);

    private static final long COUNT = (1L << 28) - 1;
    private static final int PIN_SHIFT = 28;
    private static final long PIN = 1L << PIN_SHIFT;
    private static final long PINS = ((1L << 28) - 1) << PIN_SHIFT;
    private static final long DIRTY = 1L << 60;
    private static final long REMOVED = 1L << 61;
    private static final long USES = COUNT | PINS;

    /*
     * The counts at which share and pin refuse. Each is far enough below the limit of its bits that all threads may
     * find one count left at once. MOST_PINS is the number of pins that a page's reference count allows on Linux.
     */
    static final long MOST_MAPPINGS = 1L << 27;
    static final long MOST_PINS = 1L << 21;

    /* Positions in a frame's record, after its word. */
    private static final int RECORD_SHIFT = 2;
    private static final int OWNER = 1;
    private static final int PAGE = 2;

    /** The reuse stamp: how often the frame was freed. */
    private static final int LIVES = 3;

    private static final long REFUSAL_NANOS = TimeUnit.SECONDS.toNanos(1);

    private static final byte POISON = (byte) 0xa5;

    /** {@link #drop} is at most this many calls deeper than {@link #take}. */
    private static final int DEEPER = 3;

    private final FrameStore store;
    private final int pageSize;
    private final int chunkShift;
    private final int limit;
    private final boolean poisons;

    /**
     * The records of all frames, by chunk. An element is set before any frame of its chunk is handed out. A frame's
     * record is contiguous, so that it lies in one cache line: its word, its cache, its page there and its reuse stamp.
     */
    private final long[][] records;

    private final ReentrantLock lock = new ReentrantLock();
    private final AtomicInteger quarantined = new AtomicInteger();
    private final ObjIntConsumer<Throwable> quarantine;

    /* Guarded by the lock. */
    private int made;

    /** The zero page has been filled. */
    private boolean isZeroMade;

    /** Has a place for each frame made, so that freeing needs no memory. */
    private int[] pool = {};

    private int pooled;
    private Magazine[] magazines = {};

    /** The store has refused to grow, and is not asked again until {@link #mayGrow} returns true. */
    private boolean isRefused;

    private long refusedAtNanos;

    /** The value of {@link #freed} at the refusal. */
    private long freedAtRefusal;

    /** The number of frames that were freed through magazines that have been discarded. */
    private long freedBefore;

    private final LongSupplier nanos;

    /**
     * Makes the frames of a machine. No frame exists until it is requested.
     *
     * @param store the store of the frames' bytes
     * @param pageShift binary logarithm of the size of a frame in bytes
     * @param chunkShift binary logarithm of the number of frames that are made at once
     * @param limit the most frames there may be, the zero page not counted, positive
     * @param poisons whether free frames, new ones included, are filled with a pattern that makes their use visible
     */
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
        this.nanos = nanos;
        this.quarantine = quarantine;
        this.store = store;
        this.pageSize = 1 << pageShift;
        this.chunkShift = chunkShift;
        this.limit = limit + 1;
        this.poisons = poisons;
        int chunks = (int) (((long) this.limit + (1L << chunkShift) - 1) >>> chunkShift);
        records = new long[chunks][];
    }

    public FrameStore store() {
        return store;
    }

    /** Returns the size of a frame in bytes. */
    public int pageSize() {
        return pageSize;
    }

    /** Makes an empty magazine for one owner. May wait for the lock of the pool. */
    public Magazine newMagazine() {
        Magazine magazine = new Magazine();
        lock.lock();
        try {
            magazines = Arrays.copyOf(magazines, magazines.length + 1);
            magazines[magazines.length - 1] = magazine;
        } finally {
            lock.unlock();
        }
        return magazine;
    }

    /**
     * Discards a magazine, and returns its frames to the pool.
     *
     * @param magazine one that {@link #newMagazine} has made
     */
    public void discard(Magazine magazine) {
        lock.lock();
        try {
            drain(magazine);
            freedBefore += freed(magazine);
            Magazine[] fewer = new Magazine[magazines.length - 1];
            int kept = 0;
            for (Magazine known : magazines) {
                if (known != magazine) {
                    fewer[kept++] = known;
                }
            }
            magazines = fewer;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Allocates a frame filled with zeros, with one use, the caller's.
     *
     * @param magazine the caller's
     * @return the frame, or {@link #NONE}
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

    /**
     * Allocates a frame with arbitrary content, with one use, the caller's. The caller overwrites all of it.
     *
     * @param magazine the caller's
     * @return the frame, or {@link #NONE}
     */
    public int allocateDirty(Magazine magazine) {
        return takeFrom(DEEPER, magazine);
    }

    /** Takes a frame some calls deeper. If that succeeds, enough stack is left to drop the frame. */
    private int takeFrom(int calls, Magazine magazine) {
        return calls == 0 ? take(magazine) : takeFrom(calls - 1, magazine);
    }

    /**
     * Makes the zero page unless it exists. A thread calls this once before it uses {@link #ZERO}.
     *
     * @return false if there is no memory for it
     */
    public boolean makeZero() {
        lock.lock();
        try {
            if (made == 0 && !extend()) {
                return false;
            }
            if (!isZeroMade) {
                store.fill(ZERO, 0, pageSize, (byte) 0);
                isZeroMade = true;
            }
            return true;
        } finally {
            lock.unlock();
        }
    }

    private int take(Magazine magazine) {
        magazine.lock();
        int frame = magazine.isEmpty() ? NONE : magazine.take();
        magazine.unlock();
        if (frame == NONE) {
            frame = refill(magazine);
            if (frame == NONE) {
                return NONE;
            }
        }
        // No other thread knows the frame yet.
        WORD.setRelease(wordsOf(frame), inChunk(frame), 1L);
        return frame;
    }

    /** Puts back a frame that no other thread has seen. The take has left a place for it in the magazine. */
    private void untake(int frame, Magazine magazine) {
        WORD.setRelease(wordsOf(frame), inChunk(frame), 0L);
        magazine.lock();
        magazine.put(frame);
        magazine.unlock();
    }

    /** Returns the position of a frame's word in the records of its chunk. */
    private int inChunk(int frame) {
        return (frame & (1 << chunkShift) - 1) << RECORD_SHIFT;
    }

    /** Takes a frame out of the pool, and moves some to the magazine. */
    private int refill(Magazine magazine) {
        lock.lock();
        try {
            // The first chunk may be the zero page alone.
            while (pooled == 0 && extend()) {
                Thread.onSpinWait();
            }
            if (pooled == 0) {
                for (Magazine other : magazines) {
                    drain(other);
                }
            }
            if (pooled == 0) {
                return NONE;
            }
            magazine.lock();
            try {
                for (int i = 0; i < Magazine.CAPACITY / 2 && pooled > 1 && !magazine.isFull(); i++) {
                    magazine.put(pool[--pooled]);
                }
            } finally {
                magazine.unlock();
            }
            // Last: an overflow of the stack above has taken nothing.
            return pool[--pooled];
        } finally {
            lock.unlock();
        }
    }

    private void drain(Magazine magazine) {
        magazine.lock();
        try {
            while (!magazine.isEmpty()) {
                pool(magazine.take());
            }
        } finally {
            magazine.unlock();
        }
    }

    private void pool(int frame) {
        pool[pooled++] = frame;
    }

    private static long freed(Magazine magazine) {
        magazine.lock();
        try {
            return magazine.freed();
        } finally {
            magazine.unlock();
        }
    }

    /** Returns the number of frames that were freed so far. The caller holds the lock. */
    private long freed() {
        long freed = freedBefore;
        for (Magazine magazine : magazines) {
            freed += freed(magazine);
        }
        return freed;
    }

    /**
     * Returns whether the store may be asked for another chunk. A refusal by the JVM takes half a second of garbage
     * collection and waiting. A refusal therefore stands for {@link #REFUSAL_NANOS}, or until a frame has been freed.
     * The caller holds the lock.
     */
    private boolean mayGrow() {
        return !isRefused || nanos.getAsLong() - refusedAtNanos >= REFUSAL_NANOS || freed() != freedAtRefusal;
    }

    /** Makes another chunk, unless the store refuses. The caller holds the lock. */
    private boolean extend() {
        if (made >= limit || !mayGrow()) {
            return false;
        }
        isRefused = !extendStore();
        if (isRefused) {
            refusedAtNanos = nanos.getAsLong();
            freedAtRefusal = freed();
        }
        return !isRefused;
    }

    private boolean extendStore() {
        int count = Math.min(1 << chunkShift, limit - made);
        int chunk = made >>> chunkShift;
        long[] fresh;
        try {
            fresh = new long[count << RECORD_SHIFT];
            // First, since the store is asked for each frame once.
            if (pool.length < made + count) {
                pool = Arrays.copyOf(pool, Math.min(limit, Math.max(2 * pool.length, made + count)));
            }
            if (!store.extend(made, count)) {
                return false;
            }
        } catch (OutOfMemoryError exhausted) {
            return false;
        }
        records[chunk] = fresh;
        int first = made;
        made += count;
        if (first == 0) {
            fresh[ZERO] = 1;
            first = 1;
        }
        for (int frame = made - 1; frame >= first; frame--) {
            if (poisons) {
                store.fill(frame, 0, pageSize, POISON);
            }
            pool(frame);
        }
        return true;
    }

    private long[] wordsOf(int frame) {
        return records[frame >>> chunkShift];
    }

    /**
     * Counts one more mapping. The caller ensures that the frame is not freed meanwhile.
     *
     * @param frame a frame in use
     * @return false if the frame has too many mappings to count another; nothing has changed then
     */
    public boolean share(int frame) {
        long[] words = wordsOf(frame);
        int at = inChunk(frame);
        if (((long) WORD.getOpaque(words, at) & COUNT) >= MOST_MAPPINGS) {
            return false;
        }
        WORD.getAndAdd(words, at, 1L);
        return true;
    }

    /**
     * Counts one mapping or cache less, and frees the frame if that was its last use.
     *
     * @param frame a frame with a use of the caller
     * @param magazine the caller's
     * @throws IllegalStateException if no mapping or cache uses the frame; nothing has changed then
     */
    public void drop(int frame, Magazine magazine) {
        // Volatile: releases the caller's accesses to the frame, and acquires those of other users before the frame is
        // freed. Pairs with itself, and with isSole.
        long before = (long) WORD.getAndAdd(wordsOf(frame), inChunk(frame), -1L);
        if ((before & COUNT) == 0) {
            WORD.getAndAdd(wordsOf(frame), inChunk(frame), 1L);
            throw new IllegalStateException("frame " + frame + " was dropped, and is not in use");
        }
        if ((before & USES) == 1) {
            free(frame, magazine);
        }
    }

    /**
     * Pins a frame: it stays usable until it is unpinned, even without mappings. The caller ensures that the frame is
     * not freed meanwhile.
     *
     * @param frame a frame in use
     * @return false if the frame has too many pins to count another; nothing has changed then
     */
    public boolean pin(int frame) {
        long[] words = wordsOf(frame);
        int at = inChunk(frame);
        if (((long) WORD.getOpaque(words, at) & PINS) >>> PIN_SHIFT >= MOST_PINS) {
            return false;
        }
        WORD.getAndAdd(words, at, PIN);
        return true;
    }

    /**
     * Ends a pin.
     *
     * @param frame a pinned frame
     * @param magazine the caller's
     * @throws IllegalStateException if the frame has no pin, or does not exist; nothing has changed then
     */
    public void unpin(int frame, Magazine magazine) {
        // The caller may be an embedder's code, and wrong: a pin is subtracted only if the word has one.
        for (; ; ) {
            long before = isMade(frame) ? (long) WORD.getAcquire(wordsOf(frame), inChunk(frame)) : 0;
            if ((before & PINS) == 0) {
                throw new IllegalStateException("frame " + frame + " was unpinned, and has no pin");
            }
            if (WORD.compareAndSet(wordsOf(frame), inChunk(frame), before, before - PIN)) {
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

    /**
     * Returns whether a frame has pins.
     *
     * @param frame any number
     */
    public boolean isPinned(int frame) {
        return isMade(frame) && ((long) WORD.getVolatile(wordsOf(frame), inChunk(frame)) & PINS) != 0;
    }

    /**
     * Returns whether the caller's mapping is the only use of a frame.
     *
     * @param frame a frame in use
     */
    public boolean isSole(int frame) {
        // Acquire: pairs with the subtraction of drop, which follows another user's last read.
        return ((long) WORD.getAcquire(wordsOf(frame), inChunk(frame)) & USES) == 1;
    }

    /**
     * Returns the reuse stamp of a frame. Another stamp means that the frame has another page now.
     *
     * @param frame a frame that exists
     * @return how often the frame was freed, which only grows
     */
    public long lives(int frame) {
        return (long) WORD.getOpaque(wordsOf(frame), inChunk(frame) + LIVES);
    }

    private void free(int frame, Magazine magazine) {
        boolean isSound = true;
        try {
            isSound = !poisons || poison(frame);
        } finally {
            // Also if stack or heap are used up. Needs no more stack than allocateDirty, or than the fill of allocate.
            // A thread that has taken a frame can therefore give it back.
            if (isSound) {
                release(frame, magazine);
            }
        }
    }

    private void release(int frame, Magazine magazine) {
        int at = inChunk(frame);
        wordsOf(frame)[at + OWNER] = ANONYMOUS;
        // No other thread frees the frame. Opaque: checked TLBs compare the stamp of a frame that they believe mapped.
        WORD.setOpaque(wordsOf(frame), at + LIVES, wordsOf(frame)[at + LIVES] + 1);
        WORD.setRelease(wordsOf(frame), at, 0L);
        magazine.lock();
        magazine.noteFreed();
        boolean full = magazine.isFull();
        if (!full) {
            magazine.put(frame);
        }
        magazine.unlock();
        if (full) {
            spill(frame, magazine);
        }
    }

    /** Returns false if the store has thrown: the frame is never allocated again then. */
    private boolean poison(int frame) {
        try {
            store.fill(frame, 0, pageSize, POISON);
            return true;
        } catch (VirtualMachineError exhausted) {
            // The store did not cause it: the frame becomes free, without the pattern.
            throw exhausted;
        } catch (Throwable thrown) {
            quarantined.getAndIncrement();
            quarantine.accept(thrown, frame);
            return false;
        }
    }

    /**
     * Returns the number of frames that are never allocated again, because the store has thrown when they were freed.
     *
     * @return a number that only grows
     */
    public int quarantined() {
        return quarantined.get();
    }

    private void spill(int frame, Magazine magazine) {
        lock.lock();
        try {
            pool(frame);
            magazine.lock();
            try {
                while (magazine.size() > Magazine.CAPACITY / 2) {
                    pool(magazine.take());
                }
            } finally {
                magazine.unlock();
            }
        } finally {
            lock.unlock();
        }
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
        wordsOf(frame)[inChunk(frame) + PAGE] = page;
        WORD.setRelease(wordsOf(frame), inChunk(frame) + OWNER, owner);
    }

    /**
     * Marks a new frame as being filled for a cache. The caller has just allocated it.
     *
     * @param owner the number of the cache, above {@link #ANONYMOUS}
     */
    public void prepare(int frame, long owner) {
        wordsOf(frame)[inChunk(frame) + OWNER] = -owner;
    }

    /**
     * Returns whether a frame is being filled for a cache. Exact on the thread that fills it. For other threads this is
     * a benign race: they read false, or the cache has to refuse them anyway.
     *
     * @param frame any number
     * @param owner the number of the cache
     */
    public boolean isPrepared(int frame, long owner) {
        return isMade(frame) && wordsOf(frame)[inChunk(frame) + OWNER] == -owner;
    }

    /**
     * Returns whether a frame is a given page of a cache. A caller that uses the frame after this call is in a reader
     * section.
     *
     * @param frame any number
     * @param owner the number of the cache
     * @param page the page of the cache
     */
    public boolean isCached(int frame, long owner, long page) {
        if (!isMade(frame)) {
            return false;
        }
        long[] chunk = wordsOf(frame);
        int at = inChunk(frame);
        // Volatile: after the leaf was linked. Pairs with remove, which precedes the walk that clears the frame's
        // entries.
        long word = (long) WORD.getVolatile(chunk, at);
        return (word & COUNT) != 0
                && (word & REMOVED) == 0
                && (long) WORD.getAcquire(chunk, at + OWNER) == owner
                && chunk[at + PAGE] == page;
    }

    /**
     * Marks a frame as removed from its cache. The thread that removes it calls this before it walks the mappings.
     *
     * @param frame a cached frame
     */
    public void remove(int frame) {
        // Volatile: a full fence before the walk. Pairs with isCached.
        WORD.getAndBitwiseOr(wordsOf(frame), inChunk(frame), REMOVED);
    }

    /**
     * Undoes {@link #remove}: the frame is its cache's page again. The caller has a use of the frame, and puts it into
     * the cache after this call.
     *
     * @param frame a frame that was removed and not dropped
     */
    public void restore(int frame) {
        WORD.getAndBitwiseAnd(wordsOf(frame), inChunk(frame), ~REMOVED);
    }

    /**
     * Returns whether a frame has been removed from its cache, and is not free yet.
     *
     * @param frame a frame in use
     */
    public boolean isRemoved(int frame) {
        return ((long) WORD.getVolatile(wordsOf(frame), inChunk(frame)) & REMOVED) != 0;
    }

    /**
     * Marks a frame as written.
     *
     * @param frame a frame in use
     */
    public void setDirty(int frame) {
        if (!isDirty(frame)) {
            WORD.getAndBitwiseOr(wordsOf(frame), inChunk(frame), DIRTY);
        }
    }

    /**
     * Returns whether a frame is marked as written.
     *
     * @param frame a frame in use
     */
    public boolean isDirty(int frame) {
        return ((long) WORD.getOpaque(wordsOf(frame), inChunk(frame)) & DIRTY) != 0;
    }

    /** Returns the number of frames in use at some instant of this call, the zero page not counted. */
    public int inUse() {
        lock.lock();
        try {
            int free = pooled;
            for (Magazine magazine : magazines) {
                magazine.lock();
                free += magazine.size();
                magazine.unlock();
            }
            return Math.max(0, made - 1 - free - quarantined.get());
        } finally {
            lock.unlock();
        }
    }
}
