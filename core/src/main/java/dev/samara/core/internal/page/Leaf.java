// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import dev.samara.core.internal.sync.Pause;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * A page table of the lowest level. One array contains its entries, then a cpumask for each eighth of the entries, the
 * numbers of its pages, a lock, a dead mark and the number of pending flushes of the leaf. A cpumask names the CPUs
 * that may have translations of those entries. Thread-safe.
 *
 * <p>Each change of an entry also counts the pages of the leaf, by kind ({@code add_mm_counter}). A thread that fills
 * an entry holds the lock, and so has just written the lock's cache line. It counts by a plain increment of a word in
 * that line. A change without the lock is counted by an atomic addition to a second word. Each word contains the counts
 * of all kinds, so that a fault uses few cache lines. The number of pages is the sum of both words; {@link PageTable}
 * adds up the leaves of a space.
 *
 * <p>The lock and the dead mark of an upper table are in a separate array, at the same distance from its end.
 */
public final class Leaf {
    /**
     * Written: an empty entry: holder of the leaf's lock, or the only thread that can reach the table (release: no
     *     other thread fills an empty entry); another entry: any thread (compare-and-set), or an unmapping that holds
     *     the lock (get-and-set). The array has more words after the entries. The lock (locking: get-and-set,
     *     compare-and-set; unlocking: release). The cpumask of each eighth: a CPU, before it reads the entry
     *     (get-and-or and a full fence; the bit stays set). The dead mark and the number of pending flushes (plain,
     *     lock). The numbers of pages by kind: what is counted under the lock (opaque), what is counted without it
     *     (get-and-add). The array of an upper table's state begins with a bit for each child that is linked: holder of
     *     the table's lock (opaque).
     * Read: walkers (acquire); cpumasks: the CPU itself (opaque), shooters after a full fence or a new generation
     *     (volatile); the lock, by a thread that waits for it (opaque); the dead mark and the number of pending
     *     flushes, under the lock (plain); the dead mark, by a CPU in LAZY of a checked machine, which then waits for
     *     the lock (plain); the numbers of pages and the bits of children, by any thread that adds the pages of a space
     *     up (opaque).
     * Pairs: a load of an entry (acquire) with its store (release, compare-and-set): a thread that reads the entry also
     *     sees changes of the frame before the entry was set. A CPU in GUEST calls {@code Leaf.addToCpumask}
     *     (get-and-or, full fence), then reads the entry; a shooter changes the entry, fences (full) or calls {@code
     *     TlbContext.advance}, then reads {@code Leaf.cpumask}. A CPU that the shooter does not find in the
     *     cpumask uses the new entry.
     * Invariant: an entry of a leaf. A thread reads the entry once, decides, then changes the entry by compare-and-set.
     *     Each kind of change has its method: {@code fill}, {@code widen}, {@code narrow}, {@code claim},
     *     {@code settle}, {@code empty}. The sum of both words contains, for each kind, the number of entries with such
     *     a page, while no thread is within a change ({@code LeafCountsTest}, {@code ResidencyStormTest}).
     */
    private static final VarHandle ENTRY = MethodHandles.arrayElementVarHandle(long[].class);

    private static final int SPINS = 64;

    /* Positions, counted from the end of the array. */
    private static final int PENDING = 1;
    private static final int DEAD = 2;
    private static final int LOCK = 3;

    /** The number of pages that were counted under the lock; the lowest bits count the first kind. */
    private static final int COUNTED = 4;

    /** The number of pages that were counted without the lock. */
    private static final int ADDED = 5;

    /** The cpumask of the first eighth; the cpumasks of the other eighths precede it. */
    private static final int CPUMASK = 6;

    /**
     * The number of bits of the count of one kind: enough to count the entries of a leaf with pages of 64 KiB, and a
     * sign bit.
     */
    private static final int KIND_BITS = 21;

    private static final int PARTS_SHIFT = 3;
    private static final int SPARE = CPUMASK - 1 + (1 << PARTS_SHIFT);

    private Leaf() {}

    /** Returns an empty leaf. The number of entries is a power of two. */
    public static long[] make(int entries) {
        return new long[entries + SPARE];
    }

    /**
     * Returns the initial state of an upper table: first a bit for each child, all clear, then the dead mark and the
     * lock, both clear.
     *
     * @param children the number of entries of the upper table
     */
    static long[] newState(int children) {
        return new long[wordsOf(children) + LOCK];
    }

    /** Returns the number of words that contain the {@link #children} bits of an upper table. */
    static int wordsOf(int children) {
        return (children + Long.SIZE - 1) >>> 6;
    }

    /**
     * Returns the bits of 64 children of an upper table; the bit of a child that is linked is set. Without the lock,
     * the bits may be out of date.
     */
    static long children(long[] state, int word) {
        return getOpaque(state, word);
    }

    /** Records whether an upper table has a child. The caller holds the table's lock. */
    static void noteChild(long[] state, int index, boolean is) {
        long bit = 1L << index;
        int word = index >>> 6;
        ENTRY.setOpaque(state, word, is ? state[word] | bit : state[word] & ~bit);
    }

    /** Returns an entry, by an acquire load. */
    public static long get(long[] leaf, int index) {
        // Pairs with the stores of entries: changes of the frame before its entry was stored are visible here.
        return (long) ENTRY.getAcquire(leaf, index);
    }

    /**
     * Returns the index of the first entry of a range that is not empty, by acquire loads; {@code to} if all are empty.
     */
    public static int nextFilled(long[] leaf, int from, int to) {
        int index = from;
        while (index < to && (long) ENTRY.getAcquire(leaf, index) == Pte.NONE) {
            index++;
        }
        return index;
    }

    /**
     * Stores an entry if the current entry is empty. The caller holds the leaf's lock, or no other thread can reach the
     * table.
     *
     * @return whether the entry was empty
     */
    public static boolean fill(long[] leaf, int index, long pte) {
        // An empty entry is filled only under the lock, so it stays empty until the store. Acquire: orders the store
        // after the accesses of the thread that emptied the entry. Release: pairs with get.
        if (get(leaf, index) != Pte.NONE) {
            return false;
        }
        // Counted before the entry is stored. The store needs no deeper stack, so both happen or neither does.
        count(leaf, Pte.kindOf(pte), 1);
        setRelease(leaf, index, pte);
        return true;
    }

    /**
     * Stores an entry as {@link #fill} does, but does not count its page. A caller that fills many entries counts them
     * with one call of {@link #count}, because each increment would wait for the previous one.
     */
    public static boolean fillUncounted(long[] leaf, int index, long pte) {
        if (get(leaf, index) != Pte.NONE) {
            return false;
        }
        setRelease(leaf, index, pte);
        return true;
    }

    /**
     * Adds to the count of a kind of pages; does nothing for {@link Pte#NO_PAGE}. The caller holds the lock, or no
     * other thread can reach the table. Needs no deeper stack than {@link #unlock}.
     *
     * @param kind a kind of pages, as {@link Pte#kindOf} returns it
     * @param pages the number of pages; negative if pages were removed
     */
    public static void count(long[] leaf, int kind, int pages) {
        if (kind != Pte.NO_PAGE) {
            int word = leaf.length - COUNTED;
            // Opaque, because no other thread writes it concurrently, and a reader must not see half of it.
            ENTRY.setOpaque(leaf, word, leaf[word] + inKind(kind, pages));
        }
    }

    /** Counts a change of an entry that is made without the lock. */
    private static void recount(long[] leaf, long before, long pte) {
        int from = Pte.kindOf(before);
        int to = Pte.kindOf(pte);
        if (from != to) {
            ENTRY.getAndAdd(leaf, leaf.length - ADDED, inKind(to, 1) + inKind(from, -1));
        }
    }

    /** Returns a number of pages, shifted to the bits of its kind; 0 for {@link Pte#NO_PAGE}. */
    private static long inKind(int kind, long pages) {
        return kind == Pte.NO_PAGE ? 0 : pages << (kind * KIND_BITS);
    }

    /**
     * Returns the number of pages of a kind. Acquires no lock, so a concurrent change may or may not be counted. The
     * result may be too small by the number of such changes, and even negative.
     *
     * @param kind a kind of pages, as {@link Pte#kindOf} returns it
     */
    static long pages(long[] leaf, int kind) {
        // Unless a change is missed, no kind is negative in the sum, so the kinds do not affect each other, although
        // they may in each of the two parts.
        long left = getOpaque(leaf, leaf.length - COUNTED) + getOpaque(leaf, leaf.length - ADDED);
        for (int i = 0; i < kind; i++) {
            left = (left - lowest(left)) >> KIND_BITS;
        }
        return lowest(left);
    }

    /** Returns the number in the lowest bits, with its sign. */
    private static long lowest(long pages) {
        int others = Long.SIZE - KIND_BITS;
        return pages << others >> others;
    }

    /**
     * Adds rights or marks to the entry of a page, if it has the expected value. The caller holds the lock, unless it
     * adds marks only.
     *
     * @return whether the entry was replaced
     */
    public static boolean widen(long[] leaf, int index, long expected, long pte) {
        return ENTRY.compareAndSet(leaf, index, expected, pte);
    }

    /**
     * Removes rights or marks from the entry of a page, if it has the expected value; an entry that is busy for a copy
     * may become present again. The caller then flushes what CPUs may have of the entry.
     *
     * @return whether the entry was replaced
     */
    public static boolean narrow(long[] leaf, int index, long expected, long pte) {
        return ENTRY.compareAndSet(leaf, index, expected, pte);
    }

    /**
     * Marks the entry of a page as busy, if it has the expected value. The caller holds the lock, and must
     * {@link #settle} or {@link #empty(long[], int, long, long) empty} the entry, unless another thread takes the entry over.
     *
     * @return whether the entry was replaced
     */
    public static boolean claim(long[] leaf, int index, long expected, long busy) {
        return ENTRY.compareAndSet(leaf, index, expected, busy);
    }

    /**
     * Ends a claim, if the entry still has the expected busy value.
     *
     * @param pte the entry before the claim, or that of another page, e.g. of a copy
     * @return whether the entry was replaced
     */
    public static boolean settle(long[] leaf, int index, long busy, long pte) {
        return replaceIfSame(leaf, index, busy, pte);
    }

    /**
     * Empties an entry, if it has the expected value. The page then belongs to the caller, which flushes what CPUs may
     * have of the entry before it frees the page.
     *
     * @param left an empty entry, or a guard marker
     * @return whether the entry was replaced
     */
    public static boolean empty(long[] leaf, int index, long expected, long left) {
        return replaceIfSame(leaf, index, expected, left);
    }

    private static boolean replaceIfSame(long[] leaf, int index, long expected, long pte) {
        return Pte.mayDifferInKind(expected, pte)
                ? replaceCounted(leaf, index, expected, pte)
                : ENTRY.compareAndSet(leaf, index, expected, pte);
    }

    /**
     * Counts before the exchange. Nothing can fail after the entry is replaced, so the caller knows whether the page
     * table contains its frame.
     */
    private static boolean replaceCounted(long[] leaf, int index, long expected, long pte) {
        recount(leaf, expected, pte);
        boolean isSet = false;
        try {
            isSet = ENTRY.compareAndSet(leaf, index, expected, pte);
        } finally {
            if (!isSet) {
                recount(leaf, pte, expected);
            }
        }
        return isSet;
    }

    /**
     * Empties an entry unconditionally, e.g. because its range is unmapped. The caller holds the leaf's lock, or no
     * other thread changes the leaf.
     *
     * @return the entry
     */
    public static long empty(long[] leaf, int index) {
        return getAndSet(leaf, index, Pte.NONE);
    }

    /**
     * Replaces an entry unconditionally; visible for tests that plant an entry. The caller holds the leaf's lock, or no
     * other thread changes the leaf.
     *
     * @return the replaced entry
     */
    public static long getAndSet(long[] leaf, int index, long pte) {
        long before = (long) ENTRY.getAndSet(leaf, index, pte);
        if (Pte.mayDifferInKind(before, pte)) {
            count(leaf, Pte.kindOf(before), -1);
            count(leaf, Pte.kindOf(pte), 1);
        }
        return before;
    }

    private static long getOpaque(long[] leaf, int word) {
        return (long) ENTRY.getOpaque(leaf, word);
    }

    private static long getVolatile(long[] leaf, int word) {
        return (long) ENTRY.getVolatile(leaf, word);
    }

    private static void getAndOr(long[] leaf, int word, long bits) {
        ENTRY.getAndBitwiseOr(leaf, word, bits);
    }

    private static void setRelease(long[] leaf, int word, long value) {
        ENTRY.setRelease(leaf, word, value);
    }

    /**
     * Locks a leaf, or the state of an upper table. A thread that holds the lock waits only for the lock of the table
     * above. The copy of a fork also waits for the lock of a table of the child, and for a frame. No thread locks two
     * leaves.
     */
    public static void lock(long[] leaf) {
        int word = leaf.length - LOCK;
        // An exchange, directly in this method, because an interpreted exchange needs more stack than the store in
        // unlock. So a thread that locked a leaf can unlock it, however little stack is left.
        if ((long) ENTRY.getAndSet(leaf, word, 1L) != 0) {
            lockSlowly(leaf, word);
        }
    }

    private static void lockSlowly(long[] leaf, int word) {
        long park = 0;
        int spins = 0;
        while (getOpaque(leaf, word) != 0 || !ENTRY.compareAndSet(leaf, word, 0L, 1L)) {
            if (spins++ < SPINS) {
                Thread.onSpinWait();
            } else {
                // Critical sections are short, so after this many spins, the owner of the lock is probably not running.
                // The park is timed, because unlock wakes no thread.
                park = Pause.betweenPolls(park);
                Pause.parkNanos(leaf, park);
            }
        }
    }

    public static void unlock(long[] leaf) {
        // Directly in this method, like the exchange in lock, because a method in between would need more stack.
        ENTRY.setRelease(leaf, leaf.length - LOCK, 0L);
    }

    /**
     * Returns whether a table was unhooked, which is final. The caller should hold its lock. Without the lock, the
     * caller may miss the mark, or read it before the table is unhooked.
     */
    public static boolean isDead(long[] leaf) {
        return leaf[leaf.length - DEAD] != 0;
    }

    /**
     * Adds a CPU to the cpumask of an entry's eighth. The CPU reads the entry after this call.
     *
     * @param bit the CPU's bit
     * @param isShared whether another CPU may have set the bit
     */
    public static void addToCpumask(long[] leaf, int index, long bit, boolean isShared) {
        int word = cpumaskWord(leaf, index);
        // A bit stays set. A CPU that finds its own bit set executed the fence when it set the bit.
        if ((getOpaque(leaf, word) & bit) == 0) {
            getAndOr(leaf, word, bit);
        } else if (!isShared) {
            return;
        }
        // Orders the store of the bit before the load of the entry. Pairs with TlbGather, whose callers change the
        // entry before it reads the cpumask.
        VarHandle.fullFence();
    }

    /**
     * Returns the span of the entries that share one cpumask.
     *
     * @param pageShift binary logarithm of the page size in bytes
     * @return binary logarithm of the span in bytes
     */
    public static int partShift(int pageShift) {
        // A leaf has the size of a page, and an entry has 8 bytes.
        return 2 * pageShift - 3 - PARTS_SHIFT;
    }

    /**
     * Returns the CPUs that may have translations of a range of entries. Before this call, the caller changed the
     * entries, and then executed a full fence or advanced the generation.
     *
     * @param first index of the first entry
     * @param last index of the last entry, inclusive
     * @return a cpumask
     */
    public static long cpumask(long[] leaf, int first, int last) {
        long mask = 0;
        for (int word = cpumaskWord(leaf, first); word >= cpumaskWord(leaf, last); word--) {
            mask |= getVolatile(leaf, word);
        }
        return mask;
    }

    private static int cpumaskWord(long[] leaf, int index) {
        int entriesShift = Integer.numberOfTrailingZeros(leaf.length - SPARE);
        return leaf.length - CPUMASK - (index >>> (entriesShift - PARTS_SHIFT));
    }

    /**
     * Counts a pending flush of a leaf. The leaf stays in the page table until the flush is {@linkplain #flushed done}.
     * The caller holds its lock, and the leaf is not dead.
     */
    public static void deferFlush(long[] leaf) {
        leaf[leaf.length - PENDING]++;
    }

    /** Returns whether a leaf has a pending flush. The caller holds its lock. */
    public static boolean hasPendingFlush(long[] leaf) {
        return leaf[leaf.length - PENDING] != 0;
    }

    /**
     * Decrements the number of pending flushes, which {@link #deferFlush} incremented. The caller flushed the leaf, and
     * holds no lock. The decrement is the last step, so after an Error the flush is still pending, and the caller calls
     * this again.
     *
     * @param leaf a leaf with a pending flush of the caller
     * @return whether the caller must unhook the leaf ({@link PageTable#unhookIfEmpty}): it is empty, not dead, and has
     *     no other pending flush
     */
    public static boolean flushed(long[] leaf) {
        int word = leaf.length - PENDING;
        lock(leaf);
        try {
            boolean isEmptyNow = leaf[word] == 1 && !isDead(leaf) && isEmpty(leaf);
            leaf[word]--;
            return isEmptyNow;
        } finally {
            unlock(leaf);
        }
    }

    /** Marks a table as dead, which is final. The caller holds its lock. */
    static void kill(long[] leaf) {
        leaf[leaf.length - DEAD] = 1;
    }

    static boolean isEmpty(long[] leaf) {
        int entries = leaf.length - SPARE;
        return nextFilled(leaf, 0, entries) == entries;
    }
}
