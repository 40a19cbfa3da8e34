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
 * The frames of one machine and one page size: which are free, and who uses the others.
 *
 * <p>Each frame has one word: how many mappings and caches have it, how many pins, and whether it was taken out of its
 * page cache. Whoever brings it to no mappings, no cache and no pins frees it; that happens once. A frame may be freed
 * only after the flush and the grace period that follow its last unhooking: callers of {@link #drop} see to that.
 *
 * <p>A frame of a page cache says which cache it belongs to and at which page. These two are written before it is put
 * into the cache and change only once it is free, so who is in a reader section and finds it {@linkplain #isCached
 * cached} may map it without counting it.
 *
 * <p>Frame 0 is the shared page of zeros, never free and never written. Thread-safe.
 */
public final class Frames {
    /** No frame: there is none left, or none is meant. */
    public static final int NONE = -1;

    /** The shared page of zeros. */
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
     * Where counting is refused. Far enough below what the word has room for that all the threads there can be may find
     * one place left at once; the pins are as many as a page's reference count has room for on Linux.
     */
    static final long MOST_MAPPINGS = 1L << 27;
    static final long MOST_PINS = 1L << 21;

    /* A frame's record. */
    private static final int RECORD_SHIFT = 2;
    private static final int OWNER = 1;
    private static final int PAGE = 2;

    /** How often it was freed. */
    private static final int LIVES = 3;

    private static final long REFUSAL_NANOS = TimeUnit.SECONDS.toNanos(1);

    private static final byte POISON = (byte) 0xa5;

    /** {@link #drop} is at most so many calls deeper than {@link #take}. */
    private static final int DEEPER = 3;

    private final FrameStore store;
    private final int pageSize;
    private final int chunkShift;
    private final int limit;
    private final boolean poisons;

    /**
     * By chunk; an element is set before any number of a frame in it is given out. What is known of a frame stands
     * together, so that it lies in one cache line: its word, the cache that it belongs to, at which page, and its
     * lives.
     */
    private final long[][] records;

    private final ReentrantLock lock = new ReentrantLock();
    private final AtomicInteger quarantined = new AtomicInteger();
    private final ObjIntConsumer<Throwable> quarantine;

    /* Guarded by the lock. */
    private int made;

    /** The page of zeros has been filled. */
    private boolean isZeroMade;

    /** Has room for all frames made, so that what is freed finds its place. */
    private int[] pool = {};

    private int pooled;
    private Magazine[] magazines = {};

    /** The store has refused to grow, and is not asked again before {@link #mayGrow} says so. */
    private boolean isRefused;

    private long refusedAtNanos;

    /** What {@link #freed} was then. */
    private long freedAtRefusal;

    /** How many frames the owners of magazines that were given up have freed. */
    private long freedBefore;

    private final LongSupplier nanos;

    /**
     * Makes the frames of a machine; none exists until it is asked for.
     *
     * @param store their bytes
     * @param pageShift binary logarithm of their size
     * @param chunkShift binary logarithm of how many are made at once
     * @param limit how many there are at most, the page of zeros not counted, positive
     * @param poisons whether free frames, new ones too, are filled with a pattern, so that it shows if they are used
     */
    public Frames(FrameStore store, int pageShift, int chunkShift, int limit, boolean poisons) {
        this(store, pageShift, chunkShift, limit, poisons, System::nanoTime, (thrown, frame) -> {});
    }

    /** With a clock of nanoseconds. */
    Frames(FrameStore store, int pageShift, int chunkShift, int limit, boolean poisons, LongSupplier nanos) {
        this(store, pageShift, chunkShift, limit, poisons, nanos, (thrown, frame) -> {});
    }

    /**
     * Makes the frames of a machine; none exists until it is asked for.
     *
     * @param store their bytes
     * @param pageShift binary logarithm of their size
     * @param chunkShift binary logarithm of how many are made at once
     * @param limit how many there are at most, the page of zeros not counted, positive
     * @param poisons whether freed frames are filled with a pattern, so that late use shows
     * @param quarantine gets what the store has thrown when a frame was freed, and the frame; called within whatever
     *     has freed the frame, so it must neither wait nor throw
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

    /**
     * The bytes.
     *
     * @return the store
     */
    public FrameStore store() {
        return store;
    }

    /**
     * The size of a frame.
     *
     * @return bytes
     */
    public int pageSize() {
        return pageSize;
    }

    /**
     * Makes a stock for one owner.
     *
     * @return an empty magazine
     */
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
     * Gives a magazine up, with what is in it.
     *
     * @param magazine one of these frames
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
     * Takes a free frame, filled with zeros, which the caller has once.
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
     * The same with any content: the caller overwrites all of it.
     *
     * @param magazine the caller's
     * @return the frame, or {@link #NONE}
     */
    public int allocateDirty(Magazine magazine) {
        return takeFrom(DEEPER, magazine);
    }

    /** Takes a frame some calls deeper: where that much stack is left, there is enough to drop the frame. */
    private int takeFrom(int calls, Magazine magazine) {
        return calls == 0 ? take(magazine) : takeFrom(calls - 1, magazine);
    }

    /**
     * Makes the page of zeros unless it has been made. A thread calls this once before it uses {@link #ZERO}.
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
        // Nobody else knows it yet.
        WORD.setRelease(wordsOf(frame), inChunk(frame), 1L);
        return frame;
    }

    /** Puts back what was just taken, and nobody else has seen: there is room in the magazine since then. */
    private void untake(int frame, Magazine magazine) {
        WORD.setRelease(wordsOf(frame), inChunk(frame), 0L);
        magazine.lock();
        magazine.put(frame);
        magazine.unlock();
    }

    /** Where a frame's word is among those of its chunk. */
    private int inChunk(int frame) {
        return (frame & (1 << chunkShift) - 1) << RECORD_SHIFT;
    }

    /** Takes a frame out of the pool, and some for the magazine. */
    private int refill(Magazine magazine) {
        lock.lock();
        try {
            // The first chunk may be the page of zeros alone.
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
            // Last: what meets the end of the stack above has taken nothing.
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

    /** Returns how many frames were freed so far. Caller holds the lock. */
    private long freed() {
        long freed = freedBefore;
        for (Magazine magazine : magazines) {
            freed += freed(magazine);
        }
        return freed;
    }

    /**
     * Returns whether the store may be asked for another chunk. A refusal by the JVM takes half a second, in which it
     * collects garbage and waits, so that the answer is remembered until it may be another one. Caller holds the lock.
     */
    private boolean mayGrow() {
        return !isRefused || nanos.getAsLong() - refusedAtNanos >= REFUSAL_NANOS || freed() != freedAtRefusal;
    }

    /** Makes another chunk, unless the store refuses. Caller holds the lock. */
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
            // First, since the store is told of a frame once.
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
     * Counts one more mapping. Caller knows that the frame is not free meanwhile.
     *
     * @param frame a frame in use
     * @return false if it has too many to be counted; nothing is changed then
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
     * Counts one mapping, or cache, less, and frees the frame with the last use.
     *
     * @param frame a frame in use, by the caller too
     * @param magazine the caller's
     */
    public void drop(int frame, Magazine magazine) {
        // Volatile: releases what the caller did with the frame, and acquires what the others did before it is freed.
        // Pairs with itself, and with isSole.
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
     * Pins a frame: it stays usable until it is unpinned, whatever becomes of its mappings. Caller knows that the frame
     * is not free meanwhile.
     *
     * @param frame a frame in use
     * @return false if it has too many pins to be counted; nothing is changed then
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
     * @throws IllegalStateException if it has no pin; nothing is changed then
     */
    public void unpin(int frame, Magazine magazine) {
        // Who unpins may be an embedder's code and wrong, so nothing is subtracted before it is known to be there.
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

    /** Whether there is such a frame, which may be free. */
    private boolean isMade(int frame) {
        return frame >= ZERO && frame < limit && records[frame >>> chunkShift] != null;
    }

    /**
     * Whether a frame has pins.
     *
     * @param frame any number
     * @return true if so
     */
    public boolean isPinned(int frame) {
        return isMade(frame) && ((long) WORD.getVolatile(wordsOf(frame), inChunk(frame)) & PINS) != 0;
    }

    /**
     * Whether one mapping, the caller's, has a frame and nobody else.
     *
     * @param frame a frame in use
     * @return true if so
     */
    public boolean isSole(int frame) {
        // Acquire: pairs with the subtraction of drop, after the other's last read.
        return ((long) WORD.getAcquire(wordsOf(frame), inChunk(frame)) & USES) == 1;
    }

    /**
     * How often a frame was freed: another number means that it is not the page it was.
     *
     * @param frame a frame that there is
     * @return a number that only grows
     */
    public long lives(int frame) {
        return (long) WORD.getOpaque(wordsOf(frame), inChunk(frame) + LIVES);
    }

    private void free(int frame, Magazine magazine) {
        boolean isSound = true;
        try {
            isSound = !poisons || poison(frame);
        } finally {
            // Also if stack or heap are used up. Needs no more stack than allocateDirty, or than the fill of allocate,
            // so
            // whoever has taken a frame can give it back.
            if (isSound) {
                release(frame, magazine);
            }
        }
    }

    private void release(int frame, Magazine magazine) {
        int at = inChunk(frame);
        wordsOf(frame)[at + OWNER] = ANONYMOUS;
        // Nobody else frees it. Opaque: for who looks at a frame that he holds to be his.
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

    /** False if the store has thrown: then nobody gets the frame any more. */
    private boolean poison(int frame) {
        try {
            store.fill(frame, 0, pageSize, POISON);
            return true;
        } catch (VirtualMachineError exhausted) {
            // Not the store's fault: the frame is free, without the pattern.
            throw exhausted;
        } catch (Throwable thrown) {
            quarantined.getAndIncrement();
            quarantine.accept(thrown, frame);
            return false;
        }
    }

    /**
     * The frames that nobody gets any more, because the store has thrown when they were freed.
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
     * Says which cache a new frame is for. Caller has just allocated it, and puts it into the cache after this.
     *
     * @param frame the frame
     * @param owner the number of the cache, above {@link #ANONYMOUS}
     * @param page at which page of it
     */
    public void assign(int frame, long owner, long page) {
        // The owner last: who finds it finds the page, too, also if he has the number from before the frame was this
        // cache's. Pairs with isCached.
        wordsOf(frame)[inChunk(frame) + PAGE] = page;
        WORD.setRelease(wordsOf(frame), inChunk(frame) + OWNER, owner);
    }

    /**
     * Says that a new frame is being filled for a cache. Caller has just allocated it.
     *
     * @param frame the frame
     * @param owner the number of the cache, above {@link #ANONYMOUS}
     */
    public void prepare(int frame, long owner) {
        wordsOf(frame)[inChunk(frame) + OWNER] = -owner;
    }

    /**
     * Whether a frame is being filled for a cache. For the one who fills it; racy for others, benign because they are
     * told no or have to be refused anyway.
     *
     * @param frame any number
     * @param owner the number of the cache
     * @return true if so
     */
    public boolean isPrepared(int frame, long owner) {
        return isMade(frame) && wordsOf(frame)[inChunk(frame) + OWNER] == -owner;
    }

    /**
     * Whether a frame is a cache's, at a page of it. Caller is in a reader section if he wants to use it after that.
     *
     * @param frame any number
     * @param owner the number of the cache
     * @param page the page
     * @return true if so
     */
    public boolean isCached(int frame, long owner, long page) {
        if (!isMade(frame)) {
            return false;
        }
        long[] chunk = wordsOf(frame);
        int at = inChunk(frame);
        // Volatile: after linking the leaf. Pairs with remove, before the walk that clears the frame's entries.
        long word = (long) WORD.getVolatile(chunk, at);
        return (word & COUNT) != 0
                && (word & REMOVED) == 0
                && (long) WORD.getAcquire(chunk, at + OWNER) == owner
                && chunk[at + PAGE] == page;
    }

    /**
     * Says that a frame is its cache's no more; who takes it out does this first, then walks.
     *
     * @param frame a cached frame
     */
    public void remove(int frame) {
        // Volatile: a full fence before the walk. Pairs with isCached.
        WORD.getAndBitwiseOr(wordsOf(frame), inChunk(frame), REMOVED);
    }

    /**
     * Takes back {@link #remove}: the frame is its cache's page again. Caller has it, and puts it into the cache after
     * this.
     *
     * @param frame a frame that was removed and not dropped
     */
    public void restore(int frame) {
        WORD.getAndBitwiseAnd(wordsOf(frame), inChunk(frame), ~REMOVED);
    }

    /**
     * Whether a frame has been taken out of its cache, and is not free yet.
     *
     * @param frame a frame in use
     * @return true if so
     */
    public boolean isRemoved(int frame) {
        return ((long) WORD.getVolatile(wordsOf(frame), inChunk(frame)) & REMOVED) != 0;
    }

    /**
     * Notes that a frame was written.
     *
     * @param frame a frame in use
     */
    public void setDirty(int frame) {
        if (!isDirty(frame)) {
            WORD.getAndBitwiseOr(wordsOf(frame), inChunk(frame), DIRTY);
        }
    }

    /**
     * Whether a frame was written.
     *
     * @param frame a frame in use
     * @return true if so
     */
    public boolean isDirty(int frame) {
        return ((long) WORD.getOpaque(wordsOf(frame), inChunk(frame)) & DIRTY) != 0;
    }

    /**
     * How many frames are in use, the page of zeros not counted.
     *
     * @return the number at some instant of this call
     */
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
