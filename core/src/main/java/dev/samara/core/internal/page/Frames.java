// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.internal.sync.CheckedLock;
import dev.samara.core.internal.sync.SpinLock;
import dev.samara.core.vma.FrameStore;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.MappedByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntPredicate;
import java.util.function.LongSupplier;
import java.util.function.ObjIntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The frames of one machine and one page size: their uses, pins and marks ({@code struct page}), and the free frames
 * ({@code mm/page_alloc.c}).
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
    /*
     * Where a free frame is.
     *
     *     magazine of a context  <->  near magazine of some threads  <->  pool  <-  store, one chunk at a time
     *
     * 1. A thread allocates from the magazine of its page table context, and frees into it, under the magazine's lock
     *    only (per_cpu_pages; Bonwick's magazines). Frames that are freed without a context, e.g. with their last pin,
     *    are put into one more magazine, from which no thread allocates.
     *
     * 2. A thread whose magazine is empty or full moves a block of frames from or to a near magazine, which serves a
     *    group of threads (Bonwick's depot, one for each group). A thread often frees frames through another context
     *    than the one through which it allocated them. Through its near magazine it gets its own frames back, so the
     *    bytes and the record of a frame stay in the caches of one processor.
     *
     * 3. If the near magazine is empty or full as well, the thread moves a block from or to the pool, which lock
     *    guards. An empty pool first gets another chunk of the store; if the store refuses, all magazines are drained
     *    into it. In the pool, free frames form runs again (FramePool).
     *
     * 4. A read of several pages of a file takes runs of consecutive frames, and an operation that frees many pages of
     *    a file returns their frames together. Both use the pool directly, because magazines would mix the runs of all
     *    threads.
     *
     * 5. A frame moves between a near magazine and the magazine of a context under the locks of both. So a thread that
     *    holds lock, locks all near magazines, and then scans the other magazines one by one, misses no frame that
     *    stays free.
     */

    /** Stands for no frame, e.g. because no free frame is left. */
    public static final int NONE = -1;

    /** The shared zero page. */
    public static final int ZERO = 0;

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

    /** The maximum number of frames that are put into the pool while its lock is held once. */
    private static final int MOST_TOGETHER = 512;

    /** How long a refusal of the store stays in effect, unless a frame is freed. */
    private static final long REFUSAL_NANOS = TimeUnit.SECONDS.toNanos(1);

    private static final byte POISON = (byte) 0xa5;

    /** The number of near magazines, a power of two. */
    private static final int NEAR = 8;

    /**
     * Binary logarithm of the number of longs of a frame's record. Each record is contiguous, so that it is in one
     * cache line.
     */
    private static final int RECORD_SHIFT = 2;

    /**
     * Written: allocating, freeing: the thread that owns the frame (release); counts, pins and marks: a thread that
     *     knows that the frame is not free (get-and-add, get-and-or, get-and-and; unpinning, and clearing DIRTY:
     *     compare-and-set).
     * Read: installing, reading the pins or the mark REMOVED, clearing DIRTY (volatile); deciding on reuse, unpinning
     *     (acquire); checks of the highest counts, displays, and the marks DIRTY, INACTIVE and WRITE_FAILED (opaque).
     * Pairs: a removal marks the frame, then walks; a fault links the leaf, then reads the mark. {@code CpuMemory.pin}
     *     pins a frame, fences (full), then reads the entry again, and sets DIRTY; a fork clears rights in the entry,
     *     then reads the pins. A write-back clears DIRTY only if the frame is not pinned, in one compare-and-set. It
     *     clears DIRTY, then walks under the locks of the leaves; a thread that removes a dirty entry sets DIRTY under
     *     that lock. {@code drop} (get-and-add) pairs with itself and with {@code isSole} (acquire): the accesses of
     *     other users happen before the frame is freed or reused.
     * Invariant: of a frame: its numbers of uses and pins, and its marks. The frame is free once both numbers are zero.
     */
    private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);

    /* Positions in a record, after the word. */

    /**
     * Words: {@code WORD} of an owner, and the page after it.
     * Written: the thread that allocated the frame, before it is in a cache (owner plain, negative, while it is filled;
     *     page plain, then owner release); the thread that frees it (plain).
     * Read: a thread that found the frame in a cache, in a reader section (owner acquire, then page plain); a thread
     *     that inserts the frame, or marks it as dirty (owner plain).
     * Pairs: the owner's store (release) with its load (acquire): a reader of the owner sees the page.
     * Invariant: unchanged from insertion to the end of the grace period after removal.
     */
    private static final int OWNER = 1;

    private static final int PAGE = 2;

    /**
     * Words: {@code WORD} of a reuse stamp.
     * Written: the thread that frees the frame (opaque).
     * Read: in GUEST, a CPU that fills a checked TLB, or checks an access (opaque); the thread that frees the frame
     *     (plain).
     * Invariant: the number of times that the frame was freed. It does not change while a thread may use the frame.
     */
    private static final int REUSE_STAMP = 3;

    public final FrameStore store;
    /** The size of a frame in bytes. */
    public final int pageSize;

    private final int chunkShift;
    private final int limit;

    private final boolean poisons;
    private final LongSupplier nanos;
    private final ObjIntConsumer<Throwable> quarantine;

    /** The records of the frames of each chunk. An element is set before any frame of its chunk is handed out. */
    private final long[][] records;

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
    public final IntPredicate removed = this::isRemoved;

    /**
     * Written: a thread that frees a frame for which the store throws (get-and-add).
     * Read: any thread (volatile).
     * Invariant: the number of frames that are never allocated again.
     */
    private final AtomicInteger quarantined = new AtomicInteger();

    /** The magazine for frames freed by a thread without a magazine, e.g. one that releases the last pin. */
    private final Magazine unpinned = new Magazine();

    private final Magazine[] near = new Magazine[NEAR];

    private final ReentrantLock lock = new CheckedLock();

    /**
     * Words: {@code made}, {@code isZeroMade}, {@code pool}, {@code magazines}.
     * Written: holder of {@code lock} (plain).
     * Read: holder of {@code lock} (plain).
     * Invariant: every free frame is in the pool, in one magazine, or in one of {@code near}. A thread that holds the
     *     locks of all near magazines misses no free frame.
     */
    @GuardedBy("lock")
    private int made;

    /** Whether the zero page was filled. */
    @GuardedBy("lock")
    private boolean isZeroMade;

    /** Has room for each frame made, so that freeing needs no memory. */
    @GuardedBy("lock")
    private final FramePool pool = new FramePool();

    @GuardedBy("lock")
    private Magazine[] magazines = {unpinned};

    /**
     * Whether the store refused to grow; it is not asked again until {@link #mayGrow} returns true.
     *
     * <p>Words: {@code isRefused}, {@code refusedAtNanos}, {@code freedAtRefusal}, {@code freedOtherwise}.
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

    /** The number of frames that were freed into the pool, or through magazines that were discarded since. */
    @GuardedBy("lock")
    private long freedOtherwise;

    /**
     * A frame store whose frames are in one buffer, as long as the system has memory for the buffer. The methods that
     * take a physical address reach all frames. The caller ensures that the frame cannot be freed during the call.
     */
    public interface FrameRegion {
        /** Returns the buffer of the region, which is indexed by physical addresses; null if there is none. */
        @Nullable
        MappedByteBuffer region();

        /** Returns whether an existing frame is in the region. */
        boolean isInRegion(int frame);

        /**
         * Reads a number, little-endian, without memory ordering.
         *
         * @param physical the address of the lowest byte: the frame's number times its size, plus the offset
         * @param size the number of bytes: 1, 2, 4 or 8
         * @return the number, zero-extended
         */
        long get(long physical, int size);

        /**
         * Writes a number, little-endian, without memory ordering.
         *
         * @param physical the address of the lowest byte: the frame's number times its size, plus the offset
         * @param size the number of bytes: 1, 2, 4 or 8
         * @param value the number; bits above its size are ignored
         */
        void put(long physical, int size, long value);
    }

    /** Counts pages of saved files that become dirty, and limits their number. Thread-safe. */
    public interface DirtyPages {
        /**
         * Counts the bytes of a page that just became dirty. Must not wait, because it is called in GUEST and under
         * leaf locks.
         */
        void add(int bytes);

        /**
         * Returns whether a thread should call {@link #balance} before it makes a page dirty. Does not wait and stores
         * nothing.
         */
        boolean isBalanceDue();

        /**
         * Writes pages back if too many are dirty ({@code balance_dirty_pages}). May wait for the host, for CPUs and
         * for changes of files.
         */
        void balance();
    }

    /**
     * A stock of free frames of one owner; see the notes of {@link Frames}. A thread that finds the pool empty drains
     * all magazines, so each magazine has a lock, which is seldom contended.
     */
    public static final class Magazine extends SpinLock {
        private static final int CAPACITY = 64;

        /** The number of frames that are moved together between magazines and the pool. */
        private static final int BLOCK = CAPACITY / 2;

        final int[] frames = new int[CAPACITY];

        /**
         * Words: {@code size}, {@code freed}, and {@code frames} up to {@code size}.
         * Written: a thread that has locked the magazine, which is a {@code SpinLock} (plain).
         * Read: as written.
         * Invariant: {@code size} is the number of frames in the magazine; {@code freed} counts the frames that its
         *     owner has freed so far, and never decreases.
         */
        int size;

        /** The number of frames that its owner has freed so far. */
        private long freed;

        /** Moves up to {@code most} frames, until this is empty or the target is full. Both are locked. */
        private void moveTo(Magazine target, int most) {
            int moved = Math.min(Math.min(most, size), target.frames.length - target.size);
            for (int i = 0; i < moved; i++) {
                target.frames[target.size++] = frames[--size];
            }
        }
    }

    public Frames(FrameStore store, int pageShift, int chunkShift, int limit, boolean poisons) {
        this(store, pageShift, chunkShift, limit, poisons, System::nanoTime, (thrown, frame) -> {});
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

    /** Creates frames with a given clock, in nanoseconds. */
    Frames(
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
        this.poisons = poisons;
        this.nanos = nanos;
        this.quarantine = quarantine;
        for (int i = 0; i < NEAR; i++) {
            near[i] = new Magazine();
        }
    }

    /** Returns the store if it is {@link DirectFrames}, else null. */
    public @Nullable DirectFrames direct() {
        return store instanceof DirectFrames usual ? usual : null;
    }

    /** Returns the store if its frames may be in a region, else null. */
    public @Nullable FrameRegion region() {
        return store instanceof FrameRegion of ? of : null;
    }

    /** Returns the maximum number of frames, not counting the zero page. */
    public int most() {
        return limit - 1;
    }

    /** Returns the position of a frame's record in the records of its chunk. */
    private int positionOf(int frame) {
        return (frame & (1 << chunkShift) - 1) << RECORD_SHIFT;
    }

    private long[] recordsOf(int frame) {
        return records[frame >>> chunkShift];
    }

    /*
     * The accesses to the word, whose names contain the mode. Each mode has one method, because the first use of a
     * handle in a method may need memory and stack.
     */

    private long wordVolatile(int frame) {
        return (long) WORD.getVolatile(recordsOf(frame), positionOf(frame));
    }

    private long wordAcquire(int frame) {
        return (long) WORD.getAcquire(recordsOf(frame), positionOf(frame));
    }

    private long wordOpaque(int frame) {
        return (long) WORD.getOpaque(recordsOf(frame), positionOf(frame));
    }

    private void setWordRelease(int frame, long word) {
        WORD.setRelease(recordsOf(frame), positionOf(frame), word);
    }

    private boolean compareAndSetWord(int frame, long expected, long word) {
        return WORD.compareAndSet(recordsOf(frame), positionOf(frame), expected, word);
    }

    private long getAndAddWord(int frame, long delta) {
        return (long) WORD.getAndAdd(recordsOf(frame), positionOf(frame), delta);
    }

    /** Sets or clears a mark by an atomic operation. */
    private void mark(int frame, long mark, boolean is) {
        if (is) {
            WORD.getAndBitwiseOr(recordsOf(frame), positionOf(frame), mark);
        } else {
            WORD.getAndBitwiseAnd(recordsOf(frame), positionOf(frame), ~mark);
        }
    }

    private long owner(int frame) {
        return recordsOf(frame)[positionOf(frame) + OWNER];
    }

    private void setOwner(int frame, long owner) {
        recordsOf(frame)[positionOf(frame) + OWNER] = owner;
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

    /**
     * Allocates frames as {@link #allocateDirty} does, in runs of consecutive frames that are as long as possible. The
     * caller has reserved the stack. There may be further free frames, in magazines.
     *
     * @param into receives the frames, from its start
     * @param most the maximum number of frames
     * @return the number of frames
     */
    public int allocateRuns(int[] into, int most) {
        lock.lock();
        try {
            while (pool.size < most && extend()) {
                Thread.onSpinWait();
            }
            int count = pool.takeRuns(into, most);
            for (int i = 0; i < count; i++) {
                // A store suffices, because no other thread knows the frame yet.
                setWordRelease(into[i], 1);
            }
            return count;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Allocates an aligned run of frames as {@link #allocateDirty} allocates a frame. The caller has reserved the
     * stack.
     *
     * @param count the number of frames: 4 or 16
     * @param wanted the number of frames that the caller allocates by this call and the following ones
     * @param next the frame that the run starts with if it can, after the run of the caller's last call; or {@link
     *     #NONE}
     * @return the first frame; {@link #NONE} if no such run is free
     */
    public int allocateAligned(int count, int wanted, int next) {
        lock.lock();
        try {
            int first = pool.takeAligned(count, wanted, next);
            while (first == NONE && extend()) {
                first = pool.takeAligned(count, wanted, next);
            }
            if (first == NONE) {
                // The frames of a run may be in several magazines.
                drainAll();
                first = pool.takeAligned(count, wanted, next);
            }
            for (int i = 0; first != NONE && i < count; i++) {
                // A store suffices, because no other thread knows the frame yet.
                setWordRelease(first + i, 1);
            }
            return first;
        } finally {
            lock.unlock();
        }
    }

    /** Returns whether each aligned run of {@code count} frames is in one chunk, and so in one buffer of the store. */
    public boolean areRunsTogether(int count) {
        return count <= 1 << chunkShift;
    }

    /** Takes a frame a few calls deeper than needed. If that succeeds, enough stack is left to drop the frame. */
    private int takeFrom(int calls, Magazine magazine) {
        return calls == 0 ? take(magazine) : takeFrom(calls - 1, magazine);
    }

    /** Takes a free frame for the owner of a magazine, and counts its first use. */
    private int take(Magazine magazine) {
        int frame;
        magazine.lock();
        try {
            frame = magazine.size == 0 ? NONE : magazine.frames[--magazine.size];
        } finally {
            magazine.unlock();
        }
        if (frame == NONE) {
            frame = refill(magazine);
        }
        if (frame != NONE) {
            // A store suffices, because no other thread knows the frame yet.
            setWordRelease(frame, 1);
        }
        return frame;
    }

    /** Puts back a frame that no other thread knows. The take left room for the frame in the magazine. */
    private void untake(int frame, Magazine magazine) {
        setWordRelease(frame, 0);
        magazine.lock();
        try {
            magazine.frames[magazine.size++] = frame;
        } finally {
            magazine.unlock();
        }
    }

    /** Takes a frame from a near magazine or the pool, and moves more frames from there to the magazine. */
    private int refill(Magazine magazine) {
        Magazine from = near();
        int frame;
        from.lock();
        try {
            frame = takeBlock(from, magazine);
        } finally {
            from.unlock();
        }
        if (frame != NONE) {
            return frame;
        }
        lock.lock();
        try {
            // Repeated, because the first chunk may contain only the zero page.
            while (pool.size == 0 && extend()) {
                Thread.onSpinWait();
            }
            if (pool.size == 0) {
                drainAll();
            }
            return takeBlock(magazine);
        } finally {
            lock.unlock();
        }
    }

    /** Moves a block of frames to a magazine, except for one frame, which it returns. */
    private static int takeBlock(Magazine from, Magazine magazine) {
        if (from.size == 0) {
            return NONE;
        }
        magazine.lock();
        try {
            from.moveTo(magazine, Math.min(Magazine.BLOCK, from.size) - 1);
        } finally {
            magazine.unlock();
        }
        // Taken last, so that a stack overflow above loses no frame.
        return from.frames[--from.size];
    }

    /** Moves a block of frames of the pool to a magazine, except for one frame, which it returns. */
    @GuardedBy("lock")
    private int takeBlock(Magazine magazine) {
        magazine.lock();
        try {
            pool.moveTo(magazine, Magazine.BLOCK);
            return magazine.size == 0 ? NONE : magazine.frames[--magazine.size];
        } finally {
            magazine.unlock();
        }
    }

    /** Returns the near magazine that the calling thread shares with some other threads. */
    private Magazine near() {
        return near[(int) Thread.currentThread().getId() & NEAR - 1];
    }

    @GuardedBy("lock")
    private void drainAll() {
        lockNear();
        try {
            for (Magazine magazine : near) {
                pool.moveFrom(magazine, magazine.size);
            }
            for (Magazine magazine : magazines) {
                drain(magazine);
            }
        } finally {
            unlockNear();
        }
    }

    @GuardedBy("lock")
    private void drain(Magazine magazine) {
        magazine.lock();
        try {
            pool.moveFrom(magazine, magazine.size);
        } finally {
            magazine.unlock();
        }
    }

    /** Locks all near magazines. The caller holds no magazine's lock. If this fails, none is locked. */
    private void lockNear() {
        int locked = 0;
        try {
            while (locked < NEAR) {
                near[locked].lock();
                locked++;
            }
        } finally {
            for (int i = 0; locked < NEAR && i < locked; i++) {
                near[i].unlock();
            }
        }
    }

    /** Unlocks all near magazines. Needs no more stack than {@link #lockNear}. */
    private void unlockNear() {
        for (Magazine magazine : near) {
            magazine.unlock();
        }
    }

    /**
     * Fills the zero page if it is not filled yet. Called before a thread uses {@link #ZERO}. Returns false if there is
     * no memory.
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

    /** Creates another chunk, unless the store refuses. */
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

    /**
     * Returns whether the store may be asked for another chunk. A refusal by the JVM costs half a second of garbage
     * collection and waiting. A refusal therefore stays in effect for {@link #REFUSAL_NANOS}, or until a frame is
     * freed.
     */
    @GuardedBy("lock")
    private boolean mayGrow() {
        return !isRefused || nanos.getAsLong() - refusedAtNanos >= REFUSAL_NANOS || freed() != freedAtRefusal;
    }

    /** Returns the number of frames that were freed so far. */
    @GuardedBy("lock")
    private long freed() {
        long freed = freedOtherwise;
        for (Magazine magazine : magazines) {
            freed += freed(magazine);
        }
        return freed;
    }

    private static long freed(Magazine magazine) {
        magazine.lock();
        long freed = magazine.freed;
        magazine.unlock();
        return freed;
    }

    @GuardedBy("lock")
    private boolean extendStore() {
        int count = Math.min(1 << chunkShift, limit - made);
        int chunk = made >>> chunkShift;
        long[] fresh;
        try {
            fresh = new long[count << RECORD_SHIFT];
            // Grown first, because the store is asked only once for each frame.
            pool.makeRoom(made + count, limit);
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
        pool.putNew(first, made);
        for (int frame = first; poisons && frame < made; frame++) {
            store.fill(frame, 0, pageSize, POISON);
        }
        return true;
    }

    /** Creates an empty magazine for one owner. May wait for the lock of the pool. */
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

    /** Discards a magazine, unless it is discarded already, and returns its frames to the pool. */
    public void discard(Magazine magazine) {
        lock.lock();
        try {
            List<Magazine> fewer = new ArrayList<>(Arrays.asList(magazines));
            if (!fewer.remove(magazine)) {
                return;
            }
            Magazine[] kept = fewer.toArray(new Magazine[0]);
            drain(magazine);
            // The steps are in an order in which a call that threw can be repeated.
            freedOtherwise += freed(magazine);
            magazines = kept;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Increments the number of mappings. The caller ensures that the frame is not freed concurrently.
     *
     * @return false, with nothing changed, if the frame already has the maximum number of mappings
     */
    public boolean share(int frame) {
        if ((wordOpaque(frame) & COUNT) >= MOST_MAPPINGS) {
            return false;
        }
        getAndAddWord(frame, 1);
        return true;
    }

    /**
     * Decrements the number of mappings and caches, and frees the frame if that was its last use.
     *
     * @throws IllegalStateException if no mapping or cache uses the frame; nothing is changed then
     */
    public void drop(int frame, Magazine magazine) {
        if (isLastDrop(frame)) {
            free(frame, magazine);
        }
    }

    private boolean isLastDrop(int frame) {
        // Volatile: releases the caller's accesses to the frame, and acquires the accesses of other users before the
        // frame is freed. Pairs with itself, and with isSole.
        long before = getAndAddWord(frame, -1);
        if ((before & COUNT) == 0) {
            getAndAddWord(frame, 1);
            throw new IllegalStateException("frame " + frame + " was dropped, and is not in use");
        }
        return (before & USES) == 1;
    }

    /**
     * Returns whether a caller that has locked a magazine may call {@link #dropLocked} once: the magazine has room, and
     * frames are not filled with a pattern, which calls the store.
     */
    public boolean mayDropLocked(Magazine magazine) {
        return !poisons && magazine.size < Magazine.CAPACITY;
    }

    /** Like {@link #drop(int, Magazine)}, for a caller that has locked the magazine. */
    public void dropLocked(int frame, Magazine magazine) {
        if (isLastDrop(frame)) {
            reset(frame);
            magazine.freed++;
            magazine.frames[magazine.size++] = frame;
        }
    }

    /**
     * Drops frames as {@link #drop(int)} does. Those that become free form runs with their neighbours. The caller has
     * reserved the stack.
     *
     * @param of the frames, from its start. The array is overwritten
     */
    public void dropAll(int[] of, int count) {
        VirtualMachineError failure = null;
        int freed = 0;
        for (int i = 0; i < count; i++) {
            int frame = of[i];
            if (isLastDrop(frame)) {
                boolean isSound = true;
                try {
                    isSound = !poisons || poison(frame);
                } catch (VirtualMachineError exhausted) {
                    // The remaining frames are freed before it is rethrown.
                    failure = exhausted;
                }
                if (isSound) {
                    reset(frame);
                    of[freed++] = frame;
                }
            }
            if (freed == MOST_TOGETHER || i == count - 1) {
                release(of, freed);
                freed = 0;
            }
        }
        if (failure != null) {
            throw failure;
        }
    }

    private void release(int[] of, int freed) {
        lock.lock();
        try {
            int rest = freed;
            while (rest > 0) {
                rest = pool.putLast(of, 0, rest);
            }
            freedOtherwise += freed;
        } finally {
            lock.unlock();
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
        if ((wordOpaque(frame) & PINS) >>> PIN_SHIFT >= MOST_PINS) {
            return false;
        }
        getAndAddWord(frame, PIN);
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
            long before = isMade(frame) ? wordAcquire(frame) : 0;
            if ((before & PINS) == 0) {
                throw new IllegalStateException("frame " + frame + " was unpinned, and has no pin");
            }
            if (compareAndSetWord(frame, before, before - PIN)) {
                unpins.getAndIncrement();
                if ((before & USES) == PIN) {
                    free(frame, magazine);
                }
                return;
            }
        }
    }

    /** Returns whether a frame exists; it may be free. */
    boolean isMade(int frame) {
        return frame >= ZERO && frame < limit && records[frame >>> chunkShift] != null;
    }

    /** Returns whether a frame has pins. */
    public boolean isPinned(int frame) {
        return isMade(frame) && (wordVolatile(frame) & PINS) != 0;
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
        return (int) (wordOpaque(frame) & COUNT);
    }

    /** Returns whether the caller's mapping is the only use of a frame. */
    public boolean isSole(int frame) {
        // Acquire: pairs with the decrement in drop, which follows another user's last read.
        return (wordAcquire(frame) & USES) == 1;
    }

    /** Returns how often a frame was freed. If the stamp has changed, the frame contains another page. */
    public long reuseStamp(int frame) {
        return (long) WORD.getOpaque(recordsOf(frame), positionOf(frame) + REUSE_STAMP);
    }

    private void free(int frame, Magazine magazine) {
        boolean isSound = true;
        try {
            isSound = !poisons || poison(frame);
        } finally {
            // Runs even if stack or heap are exhausted. Needs no more stack than allocateDirty, or than the fill in
            // allocate, so a thread that took a frame can always return it.
            if (isSound) {
                release(frame, magazine);
            }
        }
    }

    /**
     * Fills a frame with the pattern before it becomes free.
     *
     * @return false if the store threw; the frame is then never allocated again
     */
    private boolean poison(int frame) {
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

    /** Prepares the record of a frame for its next use. */
    private void reset(int frame) {
        long[] chunk = recordsOf(frame);
        int at = positionOf(frame);
        setOwner(frame, ANONYMOUS);
        // No other thread frees the frame, so the stamp is read plain. Opaque, because checked TLBs concurrently
        // compare the stamp of a frame that they assume to be mapped.
        WORD.setOpaque(chunk, at + REUSE_STAMP, chunk[at + REUSE_STAMP] + 1);
        setWordRelease(frame, 0);
    }

    private void release(int frame, Magazine magazine) {
        reset(frame);
        boolean isFull;
        magazine.lock();
        try {
            magazine.freed++;
            isFull = magazine.size == Magazine.CAPACITY;
            if (!isFull) {
                magazine.frames[magazine.size++] = frame;
            }
        } finally {
            magazine.unlock();
        }
        if (isFull) {
            spill(frame, magazine);
        }
    }

    /** Frees a frame into a full magazine, after a block of it was moved to a near magazine or the pool. */
    private void spill(int frame, Magazine magazine) {
        Magazine to = near();
        to.lock();
        try {
            if (to.size <= Magazine.CAPACITY - Magazine.BLOCK) {
                spillInto(to, frame, magazine);
                return;
            }
        } finally {
            to.unlock();
        }
        lock.lock();
        try {
            spillIntoPool(frame, magazine);
        } finally {
            lock.unlock();
        }
    }

    private static void spillInto(Magazine to, int frame, Magazine magazine) {
        magazine.lock();
        try {
            magazine.moveTo(to, Magazine.BLOCK);
            magazine.frames[magazine.size++] = frame;
        } finally {
            magazine.unlock();
        }
    }

    @GuardedBy("lock")
    private void spillIntoPool(int frame, Magazine magazine) {
        magazine.lock();
        try {
            pool.moveFrom(magazine, Magazine.BLOCK);
            magazine.frames[magazine.size++] = frame;
        } finally {
            magazine.unlock();
        }
    }

    /**
     * Returns the number of frames that are never allocated again, because the store threw when they were freed. Never
     * decreases.
     */
    public int quarantined() {
        return quarantined.get();
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
        long[] chunk = recordsOf(frame);
        int at = positionOf(frame);
        chunk[at + PAGE] = page;
        WORD.setRelease(chunk, at + OWNER, owner);
    }

    /**
     * Marks a new frame as being filled for a cache. The caller just allocated the frame.
     *
     * @param owner the number of the cache, above {@link #ANONYMOUS}
     */
    public void prepare(int frame, long owner) {
        setOwner(frame, -owner);
    }

    /**
     * Returns whether a frame is being filled for a cache. Exact on the thread that fills it. For other threads, this
     * is a benign race: they read false, or the cache rejects them anyway.
     *
     * @param frame any number
     */
    public boolean isPrepared(int frame, long owner) {
        return isMade(frame) && owner(frame) == -owner;
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
        // A volatile read, after the leaf was linked. Pairs with remove, which precedes the walk that clears the
        // frame's entries.
        long word = wordVolatile(frame);
        return (word & COUNT) != 0 && (word & REMOVED) == 0 && cacheOf(frame) == owner && pageOf(frame) == page;
    }

    /**
     * Returns the number of the cache that a frame was assigned to last. The caller found the frame in the entry of a
     * page in a page cache, and no thread can free it.
     */
    public long cacheOf(int frame) {
        return (long) WORD.getAcquire(recordsOf(frame), positionOf(frame) + OWNER);
    }

    /** Returns a frame's page in its cache. The caller calls {@link #cacheOf} first. */
    public long pageOf(int frame) {
        return recordsOf(frame)[positionOf(frame) + PAGE];
    }

    /** Marks a frame as removed from its cache. The removing thread calls this before it walks the mappings. */
    public void remove(int frame) {
        // Volatile: a full fence before the walk. Pairs with isCached.
        mark(frame, REMOVED, true);
    }

    /**
     * Undoes {@link #remove}: the frame is its cache's page again. The caller holds a use count of the frame, so it
     * cannot be freed, and puts the frame into the cache after this call.
     */
    public void restore(int frame) {
        mark(frame, REMOVED, false);
    }

    /** Returns whether a frame was removed from its cache and is not yet free. */
    public boolean isRemoved(int frame) {
        return (wordVolatile(frame) & REMOVED) != 0;
    }

    /**
     * Records whether a page of a cache has used up its second chance; it is then freed unless it is mapped again. The
     * caller ensures that the frame stays in its cache.
     */
    public void setInactive(int frame, boolean is) {
        mark(frame, INACTIVE, is);
    }

    /** Returns the value of the last call of {@link #setInactive}. */
    public boolean isInactive(int frame) {
        return (wordOpaque(frame) & INACTIVE) != 0;
    }

    /** Records whether the last write of a page failed. The caller ensures that the frame is not freed. */
    public void setWriteFailed(int frame, boolean has) {
        if (hasWriteFailed(frame) != has) {
            mark(frame, WRITE_FAILED, has);
        }
    }

    /** Returns the value of the last call of {@link #setWriteFailed}. */
    public boolean hasWriteFailed(int frame) {
        return (wordOpaque(frame) & WRITE_FAILED) != 0;
    }

    /**
     * Makes a frame new again: clears all marks. The caller has the only use of the frame, which is not in a cache.
     *
     * @param owner the number of the cache for which the frame is being filled
     */
    public void renew(int frame, long owner) {
        prepare(frame, owner);
        setWordRelease(frame, 1);
    }

    /** Marks a frame as written. */
    public void setDirty(int frame) {
        if (!isDirty(frame)) {
            mark(frame, DIRTY, true);
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
        return Math.abs(owner(frame)) >= SAVED;
    }

    /**
     * Returns whether {@link #balanceDirty} is due before a frame becomes dirty. Stores nothing, and does not wait. If
     * the frame is freed concurrently, the result may be about another page.
     */
    public boolean isBalanceDue(int frame) {
        return isBalanceDue() && isSaved(frame);
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
        for (; ; ) {
            // Volatile, like the compare-and-set, and so before the walk that follows. Pairs with CpuMemory.pin, which
            // pins the frame and then reads the mark: either this thread sees the pin, or CpuMemory.pin sets the mark.
            long word = wordVolatile(frame);
            if ((word & DIRTY) == 0) {
                return false;
            }
            if ((word & PINS) != 0 || compareAndSetWord(frame, word, word & ~DIRTY)) {
                return true;
            }
        }
    }

    /** Returns whether a frame is marked as written. */
    public boolean isDirty(int frame) {
        return (wordOpaque(frame) & DIRTY) != 0;
    }

    /**
     * Returns the number of frames in use, not counting the zero page. Exact if no other thread allocates or frees
     * concurrently; a frame that is allocated and freed during the call may be counted as free twice.
     */
    public int inUse() {
        lock.lock();
        try {
            return Math.max(0, made - 1 - free() - quarantined.get());
        } finally {
            lock.unlock();
        }
    }

    @GuardedBy("lock")
    private int free() {
        lockNear();
        try {
            int free = pool.size;
            for (Magazine magazine : near) {
                free += magazine.size;
            }
            for (Magazine magazine : magazines) {
                magazine.lock();
                free += magazine.size;
                magazine.unlock();
            }
            return free;
        } finally {
            unlockNear();
        }
    }
}
