// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.internal.sync.CheckedLock;
import dev.samara.core.vma.FrameStore;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import java.util.function.ObjIntConsumer;

/**
 * The free frames of one machine and one page size ({@code mm/page_alloc.c}). Threads use magazines first: one per page
 * table context, and one for frames that are freed with their last pin. Behind the magazines are the {@link
 * NearMagazines}, and behind these is the shared pool, to which the store adds one chunk at a time. Thread-safe.
 */
final class FramePool {
    /** The frame of the zero page. */
    static final int ZERO = 0;

    private static final long REFUSAL_NANOS = TimeUnit.SECONDS.toNanos(1);

    private static final byte POISON = (byte) 0xa5;

    private final FrameStore store;
    private final int pageSize;
    private final int chunkShift;
    private final int limit;
    private final boolean poisons;

    /** The records of the frames of each chunk. An element is set before any frame of its chunk is handed out. */
    private final long[][] records;

    private final LongSupplier nanos;

    /**
     * Written: a thread that frees a frame for which the store throws (get-and-add).
     * Read: any thread (volatile).
     * Invariant: the number of frames that are never allocated again.
     */
    private final AtomicInteger quarantined = new AtomicInteger();

    private final ObjIntConsumer<Throwable> quarantine;

    private final NearMagazines near = new NearMagazines();

    private final ReentrantLock lock = new CheckedLock();

    /**
     * Words: {@code made}, {@code isZeroMade}, {@code pool}, {@code pooled}, {@code magazines}.
     * Written: holder of {@code lock} (plain).
     * Read: holder of {@code lock} (plain).
     * Invariant: every free frame is in the pool, in one magazine, or in one of {@code NearMagazines}. A thread that
     *     holds the locks of all near magazines misses no free frame.
     */
    @GuardedBy("lock")
    private int made;

    /** Whether the zero page was filled. */
    @GuardedBy("lock")
    private boolean isZeroMade;

    /** The free frames of the pool. The array has an element for each frame made, so that freeing needs no memory. */
    @GuardedBy("lock")
    private int[] pool = {};

    @GuardedBy("lock")
    private int pooled;

    @GuardedBy("lock")
    private Magazine[] magazines = {};

    /**
     * Whether the store refused to grow; it is not asked again until {@link #mayGrow} returns true.
     *
     * <p>Words: {@code isRefused}, {@code refusedAtNanos}, {@code freedAtRefusal}, {@code freedBefore}.
     * Written: holder of {@code lock} (plain).
     * Read: holder of {@code lock} (plain).
     * Invariant: while a refusal is in effect, the store is not asked to grow.
     */
    @GuardedBy("lock")
    private boolean isRefused;

    @GuardedBy("lock")
    private long refusedAtNanos;

    /** The value of {@link #freed} at the refusal. */
    @GuardedBy("lock")
    private long freedAtRefusal;

    /** The number of frames that were freed through magazines that were discarded since. */
    @GuardedBy("lock")
    private long freedBefore;

    /**
     * Creates a pool without frames.
     *
     * @param records receives the records of each chunk; its length is the number of chunks
     * @param limit the maximum number of frames, including the zero page
     * @param poisons whether free frames are filled with a pattern
     * @param quarantine see {@link Frames}
     */
    FramePool(
            FrameStore store,
            int pageSize,
            int chunkShift,
            long[][] records,
            int limit,
            boolean poisons,
            LongSupplier nanos,
            ObjIntConsumer<Throwable> quarantine) {
        this.store = store;
        this.pageSize = pageSize;
        this.chunkShift = chunkShift;
        this.records = records;
        this.limit = limit;
        this.poisons = poisons;
        this.nanos = nanos;
        this.quarantine = quarantine;
    }

    /** Creates an empty magazine for one owner. */
    Magazine newMagazine() {
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

    /** Discards a magazine, unless it is discarded already, and returns its frames to the pool. */
    void discard(Magazine magazine) {
        lock.lock();
        try {
            List<Magazine> fewer = new ArrayList<>(Arrays.asList(magazines));
            if (!fewer.remove(magazine)) {
                return;
            }
            Magazine[] kept = fewer.toArray(new Magazine[0]);
            drain(magazine);
            // The steps are in an order in which a call that threw can be repeated.
            freedBefore += freed(magazine);
            magazines = kept;
        } finally {
            lock.unlock();
        }
    }

    /** Fills the zero page, unless it is filled already. Returns false if there is no memory for it. */
    boolean makeZero() {
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

    /** Takes a free frame for the owner of a magazine. Returns {@link Magazine#NONE} if there is none. */
    int take(Magazine magazine) {
        int frame;
        magazine.lock();
        try {
            frame = magazine.isEmpty() ? Magazine.NONE : magazine.take();
        } finally {
            magazine.unlock();
        }
        return frame == Magazine.NONE ? refill(magazine) : frame;
    }

    /** Puts back a frame that no other thread knows. The take left room for the frame in the magazine. */
    void untake(int frame, Magazine magazine) {
        magazine.lock();
        try {
            magazine.put(frame);
        } finally {
            magazine.unlock();
        }
    }

    /** Takes a frame from a near magazine or the pool, and moves more frames from there to the magazine. */
    private int refill(Magazine magazine) {
        int frame = near.take(magazine);
        if (frame != Magazine.NONE) {
            return frame;
        }
        lock.lock();
        try {
            // Repeated, because the first chunk may contain only the zero page.
            while (pooled == 0 && extend()) {
                Thread.onSpinWait();
            }
            if (pooled == 0) {
                drainAll();
            }
            if (pooled == 0) {
                return Magazine.NONE;
            }
            magazine.lock();
            try {
                for (int i = 1; i < Magazine.BLOCK && pooled > 1 && !magazine.isFull(); i++) {
                    magazine.put(pool[--pooled]);
                }
            } finally {
                magazine.unlock();
            }
            // Taken last, so that a stack overflow above loses no frame.
            return pool[--pooled];
        } finally {
            lock.unlock();
        }
    }

    @GuardedBy("lock")
    private void drainAll() {
        near.lockAll();
        try {
            for (int frame = near.takeAny(); frame != Magazine.NONE; frame = near.takeAny()) {
                pool(frame);
            }
            for (Magazine magazine : magazines) {
                drain(magazine);
            }
        } finally {
            near.unlockAll();
        }
    }

    @GuardedBy("lock")
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

    @GuardedBy("lock")
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
    @GuardedBy("lock")
    private long freed() {
        long freed = freedBefore;
        for (Magazine magazine : magazines) {
            freed += freed(magazine);
        }
        return freed;
    }

    /**
     * Returns whether the store may be asked for another chunk. A refusal by the JVM costs half a second of garbage
     * collection and waiting. A refusal therefore stays in effect for {@link #REFUSAL_NANOS}, or until a frame is
     * freed. The caller holds the lock.
     */
    @GuardedBy("lock")
    private boolean mayGrow() {
        return !isRefused || nanos.getAsLong() - refusedAtNanos >= REFUSAL_NANOS || freed() != freedAtRefusal;
    }

    /** Creates another chunk, unless the store refuses. The caller holds the lock. */
    @GuardedBy("lock")
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

    @GuardedBy("lock")
    private boolean extendStore() {
        int count = Math.min(1 << chunkShift, limit - made);
        int chunk = made >>> chunkShift;
        long[] fresh;
        try {
            fresh = new long[count << FrameRecordWords.SHIFT];
            // Grown first, because the store is asked only once for each frame.
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

    /**
     * If frames are poisoned, fills a frame with the pattern before it becomes free.
     *
     * @return false if the store threw; the frame is then never allocated again
     */
    boolean poison(int frame) {
        if (!poisons) {
            return true;
        }
        try {
            store.fill(frame, 0, pageSize, POISON);
            return true;
        } catch (VirtualMachineError exhausted) {
            // The store did not cause this error, so the frame becomes free, without the pattern.
            throw exhausted;
        } catch (Throwable thrown) {
            quarantined.getAndIncrement();
            quarantine.accept(thrown, frame);
            return false;
        }
    }

    /**
     * Returns the number of frames that are never allocated again, because the store threw for them. Never decreases.
     */
    int quarantined() {
        return quarantined.get();
    }

    /** Puts a frame that the owner of a magazine freed into the magazine. */
    void put(int frame, Magazine magazine) {
        boolean full;
        magazine.lock();
        try {
            magazine.noteFreed();
            full = magazine.isFull();
            if (!full) {
                magazine.put(frame);
            }
        } finally {
            magazine.unlock();
        }
        if (full) {
            spill(frame, magazine);
        }
    }

    private void spill(int frame, Magazine magazine) {
        if (near.put(frame, magazine)) {
            return;
        }
        lock.lock();
        try {
            magazine.lock();
            try {
                for (int i = 0; i < Magazine.BLOCK && !magazine.isEmpty(); i++) {
                    pool(magazine.take());
                }
                magazine.put(frame);
            } finally {
                magazine.unlock();
            }
        } finally {
            lock.unlock();
        }
    }

    /** See {@link Frames#inUse}. */
    int inUse() {
        lock.lock();
        try {
            return Math.max(0, made - 1 - free() - quarantined.get());
        } finally {
            lock.unlock();
        }
    }

    /** Returns the number of free frames. The caller holds the lock. */
    @GuardedBy("lock")
    private int free() {
        near.lockAll();
        try {
            int free = pooled + near.size();
            for (Magazine magazine : magazines) {
                magazine.lock();
                free += magazine.size();
                magazine.unlock();
            }
            return free;
        } finally {
            near.unlockAll();
        }
    }
}
