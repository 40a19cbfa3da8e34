// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;

/**
 * A table of the lowest level: its entries, and in the same array behind them a lock, a dead mark, how many flushes of
 * it are owed, and for each eighth of the entries a mask of the CPUs that may have translations. Thread-safe.
 *
 * <p>The state of an upper table, its lock and its mark, is an array whose end is the same.
 */
public final class Leaf {
    private static final VarHandle ENTRY = MethodHandles.arrayElementVarHandle(long[].class);

    private static final int SPINS = 64;

    /* Counted from the end of the array. */
    private static final int OWED = 1;
    private static final int DEAD = 2;
    private static final int LOCK = 3;

    /** Of the first eighth; those of the others are before it. */
    private static final int HOLDERS = 4;

    private static final int PARTS_SHIFT = 3;
    private static final int SPARE = 3 + (1 << PARTS_SHIFT);

    private Leaf() {}

    /** An empty one, of a power of two of entries. */
    static long[] make(int entries) {
        return new long[entries + SPARE];
    }

    /** The state of an upper table. */
    static long[] newState() {
        return new long[LOCK];
    }

    /**
     * An entry of a leaf.
     *
     * @param leaf the leaf
     * @param index which
     * @return the entry
     */
    public static long get(long[] leaf, int index) {
        // Pairs with compareAndSet: what was done to the frame before it was put in is seen.
        return (long) ENTRY.getAcquire(leaf, index);
    }

    /**
     * Puts something into an entry if that is empty. Caller holds the leaf's lock, or nobody else has the table.
     *
     * @param leaf the leaf
     * @param index which
     * @param pte what it becomes
     * @return whether it was empty
     */
    public static boolean fill(long[] leaf, int index, long pte) {
        // An empty entry is filled under the lock only, so it stays empty until the store. Acquire: what was
        // done by who emptied it is before it. Release: pairs with get.
        if ((long) ENTRY.getAcquire(leaf, index) != Pte.NONE) {
            return false;
        }
        ENTRY.setRelease(leaf, index, pte);
        return true;
    }

    /**
     * Changes an entry if it is what is expected. It is not empty: see {@link #fill}.
     *
     * @param leaf the leaf
     * @param index which
     * @param expected what it must be
     * @param pte what it becomes
     * @return whether it was changed
     */
    public static boolean compareAndSet(long[] leaf, int index, long expected, long pte) {
        return ENTRY.compareAndSet(leaf, index, expected, pte);
    }

    /**
     * Replaces an entry.
     *
     * @param leaf the leaf
     * @param index which
     * @param pte what it becomes
     * @return what it was
     */
    public static long getAndSet(long[] leaf, int index, long pte) {
        return (long) ENTRY.getAndSet(leaf, index, pte);
    }

    /**
     * Locks a leaf. Nobody waits for anything, but another leaf's lock in ascending order of spaces, while he holds it.
     *
     * @param leaf the leaf
     */
    public static void lock(long[] leaf) {
        int word = leaf.length - LOCK;
        // An exchange: where it is interpreted, it needs more stack than the store of unlock, so whoever has locked a
        // leaf
        // can unlock it, however near the end of its stack is.
        if ((long) ENTRY.getAndSet(leaf, word, 1L) != 0L) {
            lockSlowly(leaf, word);
        }
    }

    private static void lockSlowly(long[] leaf, int word) {
        long park = 1_000;
        int spins = 0;
        while ((long) ENTRY.getOpaque(leaf, word) != 0 || !ENTRY.compareAndSet(leaf, word, 0L, 1L)) {
            if (spins++ < SPINS) {
                Thread.onSpinWait();
            } else {
                // Sections are short: who has to wait this long waits for a thread that is not running. Timed,
                // since nobody wakes.
                LockSupport.parkNanos(park);
                park = Math.min(2 * park, 1_000_000);
            }
        }
    }

    /**
     * Unlocks a leaf.
     *
     * @param leaf a leaf that the caller has locked
     */
    public static void unlock(long[] leaf) {
        ENTRY.setRelease(leaf, leaf.length - LOCK, 0L);
    }

    /**
     * Whether a leaf is unhooked for ever. Caller holds its lock.
     *
     * @param leaf the leaf
     * @return true if so
     */
    public static boolean isDead(long[] leaf) {
        return leaf[leaf.length - DEAD] != 0;
    }

    /**
     * Notes that a CPU may have the translation of an entry, or of those around it. The CPU reads the entry after this.
     *
     * @param leaf a leaf
     * @param index which entry
     * @param bit the CPU's
     * @param isShared whether another CPU may have set it
     */
    public static void hold(long[] leaf, int index, long bit, boolean isShared) {
        int word = holdersOf(leaf, index);
        // Once set it stays set, so who finds his own has set it before, and was behind the fence then.
        if (((long) ENTRY.getOpaque(leaf, word) & bit) == 0) {
            ENTRY.getAndBitwiseOr(leaf, word, bit);
        } else if (!isShared) {
            return;
        }
        // Between the bit and the entry. Pairs with who changes the entry, and then reads the mask (holders).
        VarHandle.fullFence();
    }

    /**
     * What the entries span that have one mask in common.
     *
     * @param pageShift binary logarithm of the page size
     * @return binary logarithm of as many bytes
     */
    public static int partShift(int pageShift) {
        // A leaf fills a page with entries of 8 bytes.
        return 2 * pageShift - 3 - PARTS_SHIFT;
    }

    /**
     * The CPUs that may have translations of some entries. Caller has changed entries, and advanced the generation,
     * before this.
     *
     * @param leaf a leaf
     * @param first the first entry
     * @param last the last one
     * @return a mask
     */
    public static long holders(long[] leaf, int first, int last) {
        long mask = 0;
        for (int word = holdersOf(leaf, first); word >= holdersOf(leaf, last); word--) {
            mask |= (long) ENTRY.getVolatile(leaf, word);
        }
        return mask;
    }

    private static int holdersOf(long[] leaf, int index) {
        int entriesShift = Integer.numberOfTrailingZeros(leaf.length - SPARE);
        return leaf.length - HOLDERS - (index >>> (entriesShift - PARTS_SHIFT));
    }

    /**
     * Notes that a flush of a leaf is owed: it stays until that is {@linkplain #settle settled}. Caller holds its lock.
     *
     * @param leaf a leaf that is not dead
     */
    public static void owe(long[] leaf) {
        leaf[leaf.length - OWED]++;
    }

    /**
     * Whether somebody owes a flush of a leaf. Caller holds its lock.
     *
     * @param leaf the leaf
     * @return true if so
     */
    public static boolean isOwed(long[] leaf) {
        return leaf[leaf.length - OWED] != 0;
    }

    /**
     * Ends one {@link #owe}. Caller has flushed the leaf, and holds no lock. The count goes down with the last step, so
     * an Error leaves the flush owed, and the caller settles again.
     *
     * @param leaf a leaf of which the caller owes a flush
     * @return whether the caller has to unhook it ({@link PageTable#unhookIfEmpty}): it is empty, not dead, and nobody
     *     else owes a flush of it
     */
    public static boolean settle(long[] leaf) {
        int word = leaf.length - OWED;
        lock(leaf);
        try {
            boolean isToGo = leaf[word] == 1 && !isDead(leaf) && isEmpty(leaf);
            leaf[word]--;
            return isToGo;
        } finally {
            unlock(leaf);
        }
    }

    /** Marks a leaf as unhooked for ever. Caller holds its lock. */
    static void kill(long[] leaf) {
        leaf[leaf.length - DEAD] = 1;
    }

    /** Whether it has no entry. */
    static boolean isEmpty(long[] leaf) {
        for (int i = 0; i < leaf.length - SPARE; i++) {
            if (get(leaf, i) != Pte.NONE) {
                return false;
            }
        }
        return true;
    }
}
