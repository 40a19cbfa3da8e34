// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Pause;
import dev.samara.core.vma.Geometry;
import java.lang.invoke.ConstantBootstraps;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The radix page table of one space: the leaves ({@link Leaf}), the tables above them, the charge for both, and what an
 * operation announces before it removes pages.
 */
public final class PageTable {
    /*
     * Algorithmic notes.
     *
     * 1. Tables. A leaf is an array of entries, with its lock and its dead mark. An upper table is an array of the
     *    tables below it, whose last element is its state: its lock, its dead mark, and a bit for each child
     *    (Leaf.newState). A walk acquires no lock and never waits.
     *
     * 2. Entries. A thread that fills an empty entry holds the leaf's lock, and checked that the leaf is not dead and
     *    that the mapping is still attached. The lock excludes other threads that fill the entry, so a store is enough.
     *    Other entries change by compare-and-set, with or without the lock, or by the get-and-set of an unmapping that
     *    holds the lock. Upper entries change under the lock of their table.
     *
     * 3. Linking. A fault links the missing tables, then checks the marks of the mapping under the lock of the leaf. An
     *    operation sets the mark, executes a full fence, and then walks (nextLeaf). Either the walk finds the table, or
     *    the fault finds the mark.
     *
     * 4. Unhooking (free_pgtables). A table is unhooked only if it is found empty under its lock, and it is marked dead
     *    in the same critical section. So no thread can fill an entry of a table that walks do not find. A leaf with a
     *    pending flush stays, because CPUs must not have translations for addresses without a leaf. The garbage
     *    collector frees unhooked tables; a walk that still reads an unhooked table finds it empty. No thread locks a
     *    table while it holds the lock of a table above it.
     *
     * 5. The charge. A table is charged to the space and to the machine (TableBudget) before it is linked or reserved,
     *    and uncharged when it is unhooked. The topmost table always counts against the limit of the space, and counts
     *    against the limit of the machine once it is charged.
     *
     * 6. Numbers of pages (mm->rss_stat). Faults write no word for them: each leaf counts its own entries, and a reader
     *    adds up the leaves. So a read takes time in proportion to the number of tables. The sum is exact if no thread
     *    changes entries concurrently; otherwise it may miss some of the changes, and pages that move may be counted at
     *    neither address.
     *
     * 7. The highest number of pages (hiwater_rss) is updated before pages are removed (update_hiwater_rss), and
     *    compared with the current sum when it is read; that is enough, because only a removal decreases the sum. In a
     *    space with more than a few tables, a removal adds the tables up only if the removals since the last time
     *    covered a few pages per table. The highest sum may be too small by that number of pages. While threads change
     *    the space in parts, only the first removal adds the tables up, because otherwise the threads would read each
     *    other's leaves. The division itself does not add them up, because it holds a lock.
     *
     * 8. Notices of first writes (page_mkwrite). A fault calls the backing without a lock, for as long as the backing
     *    takes, and then makes the page writable. A notice that started before the page or the right was removed must
     *    not permit a later write. Two kinds of events make a notice stale, and for each kind there is a word that
     *    detects it. If the VMA is narrowed, guarded, moved, replaced or unmapped, it is detached before its entries
     *    change. If the page is removed while the VMA stays, by an advice or because the page is removed from its
     *    cache, expireNotices marks the notices of the range before the walk that removes pages. The fault checks both
     *    words under the lock of the leaf, after it linked the leaf. Either it sees the event, or the walk after the
     *    event finds the leaf, takes its lock later, and removes the page or the right again. A scan for written pages
     *    removes no right, so it makes no notice stale.
     */

    /** The maximum number of tables with which each removal adds the tables up. */
    private static final int FEW_TABLES = 16;

    /** One table is read per this number of removed pages. */
    private static final int PAGES_PER_TABLE = 4;

    /**
     * Written: holder of the table's lock (linking: volatile, before the VMA is read; unhooking: compare-and-set).
     * Read: walkers (acquire); under the lock (plain, acquire).
     * Pairs: a fault links, then reads the VMA's word; an operation sets DETACHED, then walks.
     * Invariant: an entry of an upper table.
     */
    private static final VarHandle CHILD = MethodHandles.arrayElementVarHandle(Object[].class);

    /**
     * Written: the thread of a checkpoint, within its section (volatile).
     * Read: a CPU, after it was added to the cpumask of the leaf; a fault, under the lock of a leaf, before it reads
     *     the log (acquire).
     * Pairs: the checkpoint sets the log, which is sealed, stores the epoch, unseals the log, then advances the
     *     generation and waits for the CPUs in GUEST. So a CPU that read the epoch before has acknowledged by the end
     *     of the section. A fault that reads the new epoch also finds the new log. One that reads the old epoch, and
     *     adds a record to the new log, stores an entry that is older by then, so that no store precedes the
     *     checkpoint.
     * Invariant: the epoch that private entries get, as bits of an entry. Only grows, until it starts again at the
     *     first epoch, when no entry has an epoch above 0.
     */
    private static final VarHandle EPOCH = ConstantBootstraps.fieldVarHandle(
            MethodHandles.lookup(), "epoch", VarHandle.class, PageTable.class, long.class);

    @SuppressWarnings("UnusedVariable") // through EPOCH
    private long epoch;

    /**
     * The log of the youngest open checkpoint of the space; null if there is none.
     *
     * <p>Written: the thread of a checkpoint, a restore or the end of a checkpoint, within a section (volatile); the
     *     teardown of the space (volatile).
     * Read: a thread that fills, copies or empties an entry, under the lock of its leaf (volatile).
     * Pairs: as {@code forking}, which is set during each store.
     * Invariant: a page whose entry differs from that of the checkpoint's instant has a record there.
     */
    private volatile @Nullable CheckpointLog log;

    /**
     * Written: a thread that pins a page for writing, before it reads the entry again, and one that releases such a pin
     *     (get-and-add).
     * Read: a checkpoint, after its flush; a restore (volatile).
     * Pairs: the pin is counted while its CPU is in GUEST, and then the entry must still give the right to write. So
     *     either the checkpoint, which has waited for that CPU, finds the count, or the pin finds an older entry.
     * Invariant: the number of pins for writing that are taken.
     */
    private final AtomicInteger pins = new AtomicInteger();

    /** The binary logarithm of the page size in bytes. */
    public final int pageShift;

    private final int bits;
    /** The number of entries of a leaf, a power of two. */
    public final int entries;

    private final int levels;

    /** Binary logarithm of the number of bytes that an entry of the topmost table spans. */
    private final int rootShift;

    private final long limit;

    private final Object[] root;
    /** The ranges that are watched for writes; always the same object. */
    public final Watches watches = new Watches();
    /** The ranges that are watched for reads; always the same object. */
    public final Watches readWatches = new Watches();
    /** The budget of the machine, which includes these tables. */
    public final TableBudget budget;

    /** The identity of the space for TLBs; always the same object. */
    public final TlbContext context;

    /**
     * Written: the thread that releases the last reference to the page table (volatile).
     * Read: any thread (volatile).
     * Invariant: never reset; only for display, because the table is empty by then.
     */
    private volatile boolean isFreed;

    /**
     * The gate of the fork that narrows entries of this table; null if there is none.
     *
     * <p>Written: the thread of a fork, under the layout lock (volatile).
     * Read: a fault, under the lock of a leaf (volatile).
     * Pairs: the fork stores the gate, then walks the table, locks each leaf and narrows its entries. A fault links a
     *     leaf or finds one, locks it, then reads the gate. Either the fault finds the gate, or the fork finds the
     *     leaf, and locks it after the fault.
     * Invariant: while it is set, no fault fills, widens or replaces an entry, except in a callback of a retirement.
     */
    private volatile @Nullable Gate forking;

    /**
     * How many faults have waited for a fork, or wait for one, and have not made an attempt since.
     *
     * <p>Written: such faults (get-and-add).
     * Read: a fork, under the layout lock (volatile).
     * Invariant: the next fork does not begin to narrow entries before it is 0 or the fork has waited long for that, so
     *     that forks do not starve a fault.
     */
    private final AtomicInteger passing = new AtomicInteger();

    /**
     * The number of tables that are linked or reserved, not counting the root.
     *
     * <p>Written: a thread that is about to link a table, or reserves tables (compare-and-set); a thread that unhooks a
     *     table or gives a reserve back, or links one beyond the limit (get-and-add).
     * Read: any thread (volatile).
     * Invariant: the number of tables that are linked or reserved: never more than the limit allows, except for tables
     *     that a retirement creates because it reserved too few.
     */
    private final AtomicInteger tables = new AtomicInteger();

    /**
     * The maximum number of bytes of tables, unsigned; -1 for no limit.
     *
     * <p>Written: the thread that creates the space; a call that sets the limit (volatile, under the layout lock).
     * Read: a thread that charges a table (volatile).
     * Invariant: none; a table that is charged concurrently with the call is checked against either limit.
     */
    private volatile long mostBytes = -1;

    /** Whether the root is charged. Written by the thread that creates the space, and by {@link #free}. */
    private boolean isRootCharged;

    /**
     * Written: threads that are about to remove pages (compare-and-set, upwards).
     * Read: any thread (opaque).
     * Invariant: a number of pages that a thread added up.
     */
    private final AtomicLong peak = new AtomicLong();

    /**
     * The maximum number of pages that removals took since the tables were last added up.
     *
     * <p>Written: threads that are about to remove pages (opaque).
     * Read: such threads (opaque).
     * Invariant: none. A benign race: it decides how often threads add up.
     */
    private final AtomicLong skipped = new AtomicLong();

    /**
     * Whether threads change the space in parts.
     *
     * <p>Written: a division and a join, holding the layout lock (volatile).
     * Read: threads that are about to remove pages (volatile).
     * Invariant: none. It decides whether removals add the pages up.
     */
    private volatile boolean isInParts;

    /**
     * Whether the next removal in parts adds the pages up, because it is the first one since the division.
     *
     * <p>Written: a division and a join, holding the layout lock (volatile); the first removal after a division
     *     (volatile).
     * Read: threads that are about to remove pages in parts (volatile).
     * Invariant: none. A benign race: two removals may both add the pages up.
     */
    private volatile boolean isDue;

    /** The list of notices: an element that is no notice, and whose monitor guards the list. */
    private final Notice notices = new Notice(0);

    /** One notice of a first write. It lasts from before the backing is called to the end of the fault's attempt. */
    public static final class Notice {
        private final long address;

        /**
         * Written: a thread that is about to remove pages (volatile).
         * Read: the fault, holding the lock of the leaf that it has linked (volatile).
         * Pairs: a thread that removes pages sets the word, then walks; a fault links the leaf, then reads the word.
         *     Either the fault calls the backing again, or the walk acquires the leaf's lock later.
         * Invariant: never reset.
         */
        private volatile boolean isStale;

        /**
         * The next notice, and in the last one the element of the list. In that element itself, this is read without
         * the monitor, so that an operation that removes pages does not enter the monitor if there is no notice.
         *
         * <p>Words: {@code next} and {@code previous}.
         * Written: faults, before a backing is called for a first write and after the fault's attempt (monitor,
         *     volatile).
         * Read: these faults (monitor); a thread that is about to remove pages, in the element of the list before it
         *     takes the monitor (volatile), in others with it.
         * Pairs: a thread that removes pages reads the word, makes notices stale, fences (full), then walks. A fault
         *     begins a notice, and then calls the backing. A notice that the thread does not find was begun later than
         *     the call that removes pages.
         * Invariant: every notice in progress is in the list.
         */
        private volatile Notice next = this;

        private Notice previous = this;

        private Notice(long address) {
            this.address = address;
        }

        /**
         * Returns whether the page was removed since the notice started, so that the fault must call the backing again.
         * The caller holds the lock of the leaf that contains the entry.
         */
        public boolean isStale() {
            return isStale;
        }
    }

    /**
     * The bytes of all page tables of one machine, and their limit (on Linux, page tables are charged to the memory
     * cgroup). A table counts as one page of its space, however much heap it uses. Thread-safe.
     */
    public static final class TableBudget {
        /** The minimum default limit, because small machines also need tables for sparse mappings. */
        private static final long LEAST_SHARE = 1L << 23;

        /** The budget of page tables that guests do not fill. */
        private static final TableBudget UNLIMITED = new TableBudget(Long.MAX_VALUE);

        /** The limit in bytes. */
        public final long limit;

        /**
         * Written: a thread that charges tables to the machine (compare-and-set); a thread that uncharges them, or
         *     charges them beyond the limit (get-and-add).
         * Read: any thread (volatile).
         * Invariant: the bytes of all tables, of all spaces, that are linked or reserved.
         */
        private final AtomicLong used = new AtomicLong();

        /**
         * Creates an unused budget.
         *
         * @param limit the limit in bytes, not negative
         */
        public TableBudget(long limit) {
            this.limit = limit;
        }

        /**
         * Returns the default limit of a machine: half of its memory, but at least 8 MiB. Tables are objects in the
         * heap, so the limit is at most a quarter of the maximum heap size.
         *
         * @param memory the size of the machine's memory in bytes
         * @param heap the maximum size of the heap in bytes
         */
        public static long share(long memory, long heap) {
            return Math.min(Math.max(memory / 2, LEAST_SHARE), heap / 4);
        }

        /** Charges bytes; returns false, with nothing charged, if that would exceed the limit. */
        boolean tryCharge(long bytes) {
            long now = used.get();
            while (bytes <= limit - now) {
                if (used.compareAndSet(now, now + bytes)) {
                    return true;
                }
                now = used.get();
            }
            return false;
        }

        /** Charges bytes, even beyond the limit. */
        void charge(long bytes) {
            used.addAndGet(bytes);
        }

        void uncharge(long bytes) {
            used.addAndGet(-bytes);
        }

        /** Returns whether a number of bytes could be charged now. */
        boolean hasRoom(long bytes) {
            return bytes <= limit - used.get();
        }

        /** Returns the bytes that are charged. */
        public long used() {
            return used.get();
        }

        @Override
        public String toString() {
            return used + " of " + limit + " bytes of page tables";
        }
    }

    /**
     * Tables that are charged and allocated before an operation publishes, and linked by its retire phase. So a
     * retirement cannot fail because a table is missing. Used by one thread at a time.
     *
     * <p>Other threads may change the page table after the missing tables were counted: they may unhook a table, or
     * fault in a page that is to be moved. If the reserve lacks a table for that reason, {@link
     * PageTable#leafFromReserve} creates one beyond the limits. There are at most as many of these tables as the other
     * threads unhooked, or filled, in the meantime.
     */
    public static final class TableReserve implements AutoCloseable {
        private static final Object[] NO_TABLES = {};

        /** An empty reserve. Initialized after the array, because it uses it. */
        public static final TableReserve NONE = new TableReserve(null);

        private final @Nullable PageTable table;

        private Object[] leaves = NO_TABLES;
        private int leavesLeft;

        private Object[] uppers = NO_TABLES;
        private int uppersLeft;

        /**
         * Counts the tables that are missing for entries of a page table, without a lock and without changing the page
         * table. Other threads may link or unhook tables concurrently. Not thread-safe.
         */
        public static final class Need {
            private final PageTable table;

            /** An address in the last leaf that was counted as missing. */
            private long last;

            private boolean isFirst = true;
            private int leaves;
            private int uppers;

            /** Counts the missing tables of a page table. */
            public Need(PageTable table) {
                this(table, null);
            }

            /** Continues another count. Its missing tables are reserved already, so they are not counted again. */
            public Need(PageTable table, @Nullable Need reserved) {
                this.table = table;
                if (reserved != null) {
                    isFirst = reserved.isFirst;
                    last = reserved.last;
                }
            }

            /**
             * Counts the missing tables on the path to an entry. Each table is counted once if the address of each call
             * is in the leaf of the previous call or in a later leaf.
             *
             * @param address an address below the limit
             */
            public void add(long address) {
                int missing = table.missingTables(address);
                if (missing == 0) {
                    return;
                }
                for (int level = 1; level < missing; level++) {
                    if (isFirst || !table.shareTable(last, address, level)) {
                        uppers++;
                    }
                }
                if (isFirst || !table.shareTable(last, address, 0)) {
                    leaves++;
                }
                isFirst = false;
                last = address;
            }

            /** Returns whether the missing tables would exceed the limits even if no other table were charged. */
            public boolean isTooMuch() {
                return tables() > Addresses.lower(table.mostBytes, table.budget.limit) >>> table.pageShift;
            }

            /**
             * Reserves the missing tables.
             *
             * @param isStopped is called after each table; true stops the reservation
             * @return the reserve; null if that would exceed the limit of the space or the machine, or if it was
             *     stopped. Nothing is charged then
             * @throws OutOfMemoryError if the heap has no memory for the tables; nothing is charged then
             */
            public @Nullable TableReserve reserve(BooleanSupplier isStopped) {
                TableReserve made = new TableReserve(table);
                if (!table.charge(tables())) {
                    return null;
                }
                boolean done = false;
                try {
                    done = allocate(made, isStopped);
                } finally {
                    if (!done) {
                        table.uncharge(tables());
                    }
                }
                return done ? made : null;
            }

            private boolean allocate(TableReserve made, BooleanSupplier isStopped) {
                made.uppers = new Object[uppers];
                for (int i = 0; i < uppers; i++) {
                    made.uppers[i] = table.make(false);
                }
                made.leaves = new Object[leaves];
                for (int i = 0; i < leaves; i++) {
                    made.leaves[i] = table.make(true);
                    if (isStopped.getAsBoolean()) {
                        return false;
                    }
                }
                made.leavesLeft = leaves;
                made.uppersLeft = uppers;
                return true;
            }

            /** Returns the number of missing tables. */
            public int tables() {
                return leaves + uppers;
            }
        }

        private TableReserve(@Nullable PageTable table) {
            this.table = table;
        }

        /** Returns a leaf or an upper table, which is charged already; null if none is left. */
        @Nullable
        Object take(boolean isLeaf) {
            if (isLeaf) {
                return leavesLeft == 0 ? null : leaves[--leavesLeft];
            }
            return uppersLeft == 0 ? null : uppers[--uppersLeft];
        }

        /**
         * Takes back the table that was taken last, if it could not be linked.
         *
         * @return false if the table is not from this reserve
         */
        boolean giveBack(Object unlinked) {
            // A table that was taken is still in its array, so that the count alone returns it.
            if (leavesLeft < leaves.length && leaves[leavesLeft] == unlinked) {
                leavesLeft++;
                return true;
            }
            if (uppersLeft < uppers.length && uppers[uppersLeft] == unlinked) {
                uppersLeft++;
                return true;
            }
            return false;
        }

        /**
         * Takes over the remaining tables of another reserve of this page table, which is empty afterwards. If this
         * throws, nothing is changed.
         */
        public void absorb(TableReserve other) {
            Object[] moreLeaves = Arrays.copyOf(leaves, leavesLeft + other.leavesLeft);
            Object[] moreUppers = Arrays.copyOf(uppers, uppersLeft + other.uppersLeft);
            System.arraycopy(other.leaves, 0, moreLeaves, leavesLeft, other.leavesLeft);
            System.arraycopy(other.uppers, 0, moreUppers, uppersLeft, other.uppersLeft);
            leaves = moreLeaves;
            uppers = moreUppers;
            leavesLeft = leaves.length;
            uppersLeft = uppers.length;
            other.leavesLeft = 0;
            other.uppersLeft = 0;
        }

        /** Uncharges the remaining tables. Allocates nothing; a second call has no effect. */
        @Override
        public void close() {
            if (table != null) {
                int left = leavesLeft + uppersLeft;
                leavesLeft = 0;
                uppersLeft = 0;
                leaves = NO_TABLES;
                uppers = NO_TABLES;
                table.uncharge(left);
            }
        }
    }

    /**
     * A page table of the lowest level. One array contains its entries, then a cpumask for each eighth of the entries,
     * the numbers of its pages, a lock, a dead mark and the number of pending flushes of the leaf. A cpumask names the
     * CPUs that may have translations of those entries. Thread-safe.
     *
     * <p>Each change of an entry also counts the pages of the leaf, by kind ({@code add_mm_counter}). A thread that
     * fills an entry holds the lock, and so has just written the lock's cache line. It counts by a plain increment of a
     * word in that line. A change without the lock is counted by an atomic addition to a second word. Each word
     * contains the counts of all kinds, so that a fault uses few cache lines. The number of pages is the sum of both
     * words; {@link PageTable} adds up the leaves of a space.
     *
     * <p>The lock and the dead mark of an upper table are in a separate array, at the same distance from its end.
     */
    public static final class Leaf {
        /**
         * Written: an empty entry: holder of the leaf's lock, or the only thread that can reach the table (release: no
         *     other thread fills an empty entry); another entry: any thread (compare-and-set), or an unmapping that
         *     holds the lock (get-and-set). The array has more words after the entries. The lock (locking: get-and-set,
         *     compare-and-set; unlocking: release). The cpumask of each eighth: a CPU, before it reads the entry
         *     (get-and-or and a full fence; the bit stays set). The dead mark and the number of pending flushes (plain,
         *     lock). The numbers of pages by kind: what is counted under the lock (opaque), what is counted without it
         *     (get-and-add). The array of an upper table's state begins with a bit for each child that is linked:
         *     holder of the table's lock (opaque).
         * Read: walkers (acquire); cpumasks: the CPU itself (opaque), shooters after a full fence or a new generation
         *     (volatile); the lock, by a thread that waits for it (opaque); the dead mark and the number of pending
         *     flushes, under the lock (plain); the dead mark, by a CPU in LAZY of a checked machine, which then waits
         *     for the lock (plain); the numbers of pages and the bits of children, by any thread that adds the pages of
         *     a space up (opaque).
         * Pairs: a load of an entry (acquire) with its store (release, compare-and-set): a thread that reads the entry
         *     also sees changes of the frame before the entry was set. A CPU in GUEST calls {@code Leaf.addToCpumask}
         *     (get-and-or, full fence), then reads the entry; a shooter changes the entry, fences (full) or calls
         *     {@code TlbContext.advance}, then reads {@code Leaf.cpumask}. A CPU that the shooter does not find in the
         *     cpumask uses the new entry.
         * Invariant: an entry of a leaf. A thread reads the entry once, decides, then changes the entry by
         *     compare-and-set. Each kind of change has its method: {@code fill}, {@code widen}, {@code narrow}, {@code
         *     claim}, {@code settle}, {@code empty}. The sum of both words contains, for each kind, the number of
         *     entries with such a page, while no thread is within a change ({@code LeafCountsTest}, {@code
         *     ResidencyStormTest}).
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
         * The number of bits of the count of one kind: enough to count the entries of a leaf with pages of 64 KiB, and
         * a sign bit.
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
         * Returns the initial state of an upper table: first a bit for each child, all clear, then the dead mark and
         * the lock, both clear.
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
         * Returns the bits of 64 children of an upper table; the bit of a child that is linked is set. Without the
         * lock, the bits may be out of date.
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
         * Returns the index of the first entry of a range that is not empty, by acquire loads; {@code to} if all are
         * empty.
         */
        public static int nextFilled(long[] leaf, int from, int to) {
            int index = from;
            while (index < to && (long) ENTRY.getAcquire(leaf, index) == Pte.NONE) {
                index++;
            }
            return index;
        }

        /**
         * Stores an entry if the current entry is empty. The caller holds the leaf's lock, or no other thread can reach
         * the table.
         *
         * @return whether the entry was empty
         */
        public static boolean fill(long[] leaf, int index, long pte) {
            // An empty entry is filled only under the lock, so it stays empty until the store. Acquire: orders the
            // store after the accesses of the thread that emptied the entry. Release: pairs with get.
            if (get(leaf, index) != Pte.NONE) {
                return false;
            }
            // Counted before the entry is stored. The store needs no deeper stack, so both happen or neither does.
            count(leaf, Pte.kindOf(pte), 1);
            setRelease(leaf, index, pte);
            return true;
        }

        /**
         * Stores an entry as {@link #fill} does, but does not count its page. A caller that fills many entries counts
         * them with one call of {@link #count}, because each increment would wait for the previous one.
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
         * Returns the number of pages of a kind. Acquires no lock, so a concurrent change may or may not be counted.
         * The result may be too small by the number of such changes, and even negative.
         *
         * @param kind a kind of pages, as {@link Pte#kindOf} returns it
         */
        static long pages(long[] leaf, int kind) {
            // Unless a change is missed, no kind is negative in the sum, so the kinds do not affect each other,
            // although they may in each of the two parts.
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
         * Adds rights or marks to the entry of a page, if it has the expected value. The caller holds the lock, unless
         * it adds marks only.
         *
         * @return whether the entry was replaced
         */
        public static boolean widen(long[] leaf, int index, long expected, long pte) {
            return ENTRY.compareAndSet(leaf, index, expected, pte);
        }

        /**
         * Removes rights or marks from the entry of a page, if it has the expected value; an entry that is busy for a
         * copy may become present again. The caller then flushes what CPUs may have of the entry.
         *
         * @return whether the entry was replaced
         */
        public static boolean narrow(long[] leaf, int index, long expected, long pte) {
            return ENTRY.compareAndSet(leaf, index, expected, pte);
        }

        /**
         * Marks the entry of a page as busy, if it has the expected value. The caller holds the lock, and must {@link
         * #settle} or {@link #empty(long[], int, long, long) empty} the entry, unless another thread takes the entry
         * over.
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
         * Empties an entry, if it has the expected value. The page then belongs to the caller, which flushes what CPUs
         * may have of the entry before it frees the page.
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
         * Counts before the exchange. Nothing can fail after the entry is replaced, so the caller knows whether the
         * page table contains its frame.
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
         * Replaces an entry unconditionally; visible for tests that plant an entry. The caller holds the leaf's lock,
         * or no other thread changes the leaf.
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

        private static void restartEpochs(long[] leaf) {
            int entries = leaf.length - SPARE;
            lock(leaf);
            try {
                for (int i = nextFilled(leaf, 0, entries); i < entries; i = nextFilled(leaf, i + 1, entries)) {
                    long pte = get(leaf, i);
                    while (Pte.has(pte, Pte.PRESENT | Pte.OWN) && !narrow(leaf, i, pte, pte & ~Pte.EPOCH)) {
                        pte = get(leaf, i);
                    }
                }
            } finally {
                unlock(leaf);
            }
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
         * Locks a leaf, or the state of an upper table. A thread that holds the lock waits only for the lock of the
         * table above. The copy of a fork also waits for the lock of a table of the child, and for a frame. No thread
         * locks two leaves.
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
                    // Critical sections are short, so after this many spins, the owner of the lock is probably not
                    // running. The park is timed, because unlock wakes no thread.
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
         * Counts a pending flush of a leaf. The leaf stays in the page table until the flush is {@linkplain #flushed
         * done}. The caller holds its lock, and the leaf is not dead.
         */
        public static void deferFlush(long[] leaf) {
            leaf[leaf.length - PENDING]++;
        }

        /** Returns the number of pending flushes of a leaf. The caller holds its lock. */
        public static long pendingFlushes(long[] leaf) {
            return leaf[leaf.length - PENDING];
        }

        /**
         * Decrements the number of pending flushes, which {@link #deferFlush} incremented. The caller flushed the leaf,
         * and holds no lock. The decrement is the last step, so after an Error the flush is still pending, and the
         * caller calls this again.
         *
         * @param leaf a leaf with a pending flush of the caller
         * @return whether the caller must unhook the leaf ({@link PageTable#unhookIfEmpty}): it is empty, not dead, and
         *     has no other pending flush
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

    /** Creates an empty table of a space that needs no teardown and has no limit. */
    public PageTable(Geometry geometry) {
        this(geometry, new TlbContext(), TableBudget.UNLIMITED);
    }

    /**
     * Creates an empty table.
     *
     * @param geometry page size, levels and bounds. A table has as many entries of 8 bytes as fit in a page; the
     *     topmost table has as many as the bounds need
     * @param context the identity of the space for TLBs
     * @param budget the budget of the machine, to which all tables but the topmost are charged; for the topmost table
     *     see {@link #chargeRoot}
     * @throws IllegalArgumentException if the topmost table would need more than 2^24 entries
     */
    public PageTable(Geometry geometry, TlbContext context, TableBudget budget) {
        this.context = context;
        pageShift = geometry.pageShift();
        this.budget = budget;
        bits = pageShift - 3;
        entries = 1 << bits;
        limit = geometry.limit();
        int need = Long.SIZE - Long.numberOfLeadingZeros(limit - 1) - pageShift;
        int most = Math.max(geometry.levels(), 2);
        int above = need - (most - 1) * bits;
        // Drops levels that the bounds do not need.
        while (above <= 0 && most > 2) {
            most--;
            above = need - (most - 1) * bits;
        }
        if (above > 24) {
            throw new IllegalArgumentException("levels " + geometry.levels() + " of 2^" + bits
                    + " entries do not reach the limit 0x" + Long.toHexString(limit));
        }
        levels = most;
        rootShift = shiftOf(most - 1);
        root = newUpper(1 << Math.max(above, 1));
        context.load(this);
    }

    /** Returns the number that identifies the space for the access checker. It is unique and never changes. */
    public long number() {
        return context.id;
    }

    /** Returns the gate of the fork that narrows entries, which faults do not change until it is open; or null. */
    public @Nullable Gate forking() {
        return forking;
    }

    /** Keeps the next fork from narrowing entries until {@link #endPass}, which follows soon, without a wait. */
    public void beginPass() {
        passing.getAndIncrement();
    }

    public void endPass() {
        passing.getAndDecrement();
    }

    /** Returns whether a fault must make its next attempt before a fork narrows entries. */
    public boolean hasPassing() {
        return passing.get() != 0;
    }

    /** Sets the gate of the fork that is about to narrow entries; null at its end. The caller holds the layout lock. */
    public void setForking(@Nullable Gate gate) {
        forking = gate;
    }

    /**
     * Returns whether a range of the space is watched, for writes or for reads. A CPU calls this after it was added to
     * the cpumasks of the leaves whose translations it fills.
     */
    public boolean hasWatches() {
        return watches.all != null || readWatches.all != null;
    }

    /** Returns the index of an address's entry in its leaf. */
    public int indexOf(long address) {
        return (int) (address >>> pageShift) & entries - 1;
    }

    /** Returns the binary logarithm of the number of bytes that one entry of a level spans; the leaves are level 0. */
    private int shiftOf(int level) {
        return pageShift + level * bits;
    }

    private int childIndex(long address, int level) {
        long index = address >>> shiftOf(level);
        return level == levels - 1 ? (int) index : (int) index & entries - 1;
    }

    /** Creates an empty table above the leaves. */
    private static Object[] newUpper(int size) {
        Object[] table = new Object[size + 1];
        table[size] = Leaf.newState(size);
        return table;
    }

    /** Returns the table below an entry of an upper table, or null. */
    private static @Nullable Object child(Object[] table, int index) {
        return CHILD.getAcquire(table, index);
    }

    private static void setChildVolatile(Object[] table, int index, Object child) {
        CHILD.setVolatile(table, index, child);
    }

    /** Returns the array that contains the lock and the dead mark of a table. */
    private static long[] stateOf(Object table) {
        return table instanceof Object[] upper ? (long[]) upper[upper.length - 1] : (long[]) table;
    }

    /**
     * Returns the leaf that contains the entry of an address. Acquires no lock and does not wait.
     *
     * @param address any address
     * @return the leaf, or null if there is none, as at and above the limit
     */
    public long @Nullable [] leaf(long address) {
        int shift = rootShift;
        long top = address >>> shift;
        if (top >= root.length - 1) {
            return null;
        }
        // This load and the loads below pair with the volatile store of link, so that a new table is seen initialized.
        Object table = child(root, (int) top);
        for (shift -= bits; shift > pageShift; shift -= bits) {
            if (table == null) {
                return null;
            }
            table = child((Object[]) table, (int) (address >>> shift) & entries - 1);
        }
        return (long[]) table;
    }

    /**
     * Returns the leaf that contains the entry of an address, and creates it if there is none. The leaf may be dead by
     * the time the caller locks it; the caller then calls this again.
     *
     * @param address an address below the limit
     * @return the leaf; null if there is none and another table would exceed the limit of the space or the machine
     */
    public long @Nullable [] leafForInstall(long address) {
        return leafOrLink(address, null);
    }

    /**
     * Returns the leaf that contains the entry of an address. If there is none, creates it from reserved tables; if too
     * few tables were reserved, creates tables beyond the limits. The leaf may be dead as in {@link #leafForInstall}.
     *
     * @param address an address below the limit
     * @param reserve reserved tables of this page table
     */
    public long[] leafFromReserve(long address, TableReserve reserve) {
        return Objects.requireNonNull(leafOrLink(address, reserve), "a reserve is never refused");
    }

    private long @Nullable [] leafOrLink(long address, @Nullable TableReserve reserve) {
        for (; ; ) {
            Object[] table = root;
            int level = levels - 1;
            Object child = child(table, childIndex(address, level));
            while (level > 1 && child != null) {
                table = (Object[]) child;
                level--;
                child = child(table, childIndex(address, level));
            }
            if (child instanceof long[] leaf) {
                return leaf;
            }
            boolean isLeaf = level == 1;
            Object fresh = reserve == null ? charged(isLeaf) : reserved(isLeaf, reserve);
            if (fresh == null) {
                return null;
            }
            Object linked = null;
            try {
                linked = link(table, childIndex(address, level), fresh);
            } finally {
                // Another thread linked a table first.
                if (linked != fresh && (reserve == null || !reserve.giveBack(fresh))) {
                    uncharge(1);
                }
            }
            if (linked instanceof long[] leaf) {
                return leaf;
            }
        }
    }

    /** Charges and creates a new table; returns null if that would exceed a limit. */
    private @Nullable Object charged(boolean isLeaf) {
        if (!charge(1)) {
            return null;
        }
        Object fresh = null;
        try {
            fresh = make(isLeaf);
            return fresh;
        } finally {
            if (fresh == null) {
                uncharge(1);
            }
        }
    }

    private Object reserved(boolean isLeaf, TableReserve reserve) {
        Object fresh = reserve.take(isLeaf);
        if (fresh == null) {
            fresh = make(isLeaf);
            // Even beyond the limits.
            tables.getAndIncrement();
            budget.charge(1L << pageShift);
        }
        return fresh;
    }

    /** Creates a table, which the caller has charged. */
    private Object make(boolean isLeaf) {
        return isLeaf ? Leaf.make(entries) : newUpper(entries);
    }

    /**
     * Links a child to an upper table, unless there is one already, and returns the linked child; returns null if the
     * upper table is dead.
     */
    private static @Nullable Object link(Object[] table, int index, Object fresh) {
        long[] state = stateOf(table);
        Leaf.lock(state);
        try {
            if (Leaf.isDead(state)) {
                return null;
            }
            Object known = table[index];
            if (known != null) {
                return known;
            }
            // Volatile, so that the store precedes the caller's check whether the VMA is attached. Pairs with the
            // volatile store of DETACHED by the operation that removes the mapping and then walks: either its walk
            // finds this table, or the caller finds DETACHED.
            setChildVolatile(table, index, fresh);
            Leaf.noteChild(state, index, true);
            return fresh;
        } finally {
            Leaf.unlock(state);
        }
    }

    /**
     * Charges tables to the space and to the machine.
     *
     * @return false, with nothing charged, if that would exceed the limit of the space or of the machine
     */
    private boolean charge(int more) {
        int now;
        do {
            now = tables.get();
            if (exceeds(now, more)) {
                return false;
            }
        } while (!tables.compareAndSet(now, now + more));
        if (budget.tryCharge((long) more << pageShift)) {
            return true;
        }
        tables.getAndAdd(-more);
        return false;
    }

    /**
     * Returns whether {@code count} tables, not counting the root, and {@code more} tables together exceed the limit of
     * the space.
     */
    private boolean exceeds(int count, int more) {
        return Long.compareUnsigned(mostBytes, ((long) count + more + 1) << pageShift) < 0;
    }

    private void uncharge(int fewer) {
        tables.getAndAdd(-fewer);
        budget.uncharge((long) fewer << pageShift);
    }

    /**
     * Charges the topmost table to the machine, until {@link #free}. Called once, by the thread that creates the space.
     *
     * @return false if that would exceed the limit of the machine
     */
    public boolean chargeRoot() {
        isRootCharged = budget.tryCharge(1L << pageShift);
        return isRootCharged;
    }

    /** Returns whether the machine has room for one more table. */
    public boolean hasTableRoom() {
        return budget.hasRoom(1L << pageShift);
    }

    /** Returns whether one more table would exceed the limit of this space, whatever the machine has left. */
    public boolean isAtTableLimit() {
        return exceeds(tables.get(), 1);
    }

    /**
     * Limits the tables, including the topmost. Existing tables beyond the limit stay.
     *
     * @param bytes the limit, unsigned; -1 for no limit
     */
    public void limitTables(long bytes) {
        mostBytes = bytes;
    }

    /**
     * Returns the number of tables that are missing on the path to an entry: 1 if only the leaf is missing, 0 if none
     * is.
     */
    private int missingTables(long address) {
        Object[] table = root;
        int level = levels - 1;
        Object child = child(table, childIndex(address, level));
        while (level > 1 && child != null) {
            level--;
            child = child((Object[]) child, childIndex(address, level));
        }
        return child == null ? level : 0;
    }

    /** Returns whether two addresses share a table of a level; the leaves are level 0. */
    private boolean shareTable(long one, long other, int level) {
        return (one ^ other) >>> shiftOf(level + 1) == 0;
    }

    /**
     * Returns the first address in a half-open range that has a leaf. Executes a full fence before the walk.
     *
     * @param address the first address of the range
     * @param end the end of the range, exclusive, not above the limit
     * @return {@code address}, or the first address of a later leaf, or {@code end} if there is no leaf
     */
    public long nextLeaf(long address, long end) {
        // Orders the mark that an operation sets when it removes a mapping or a page before its walk. Pairs with the
        // volatile store of link, which precedes the faulting thread's check of the mark.
        VarHandle.fullFence();
        long at = address;
        while (Long.compareUnsigned(at, end) < 0) {
            int missing = missingTables(at);
            if (missing == 0) {
                return at;
            }
            long span = 1L << shiftOf(missing);
            at = (at & -span) + span;
            if (at == 0) {
                // The last entry of a table that reaches up to 2^64.
                break;
            }
        }
        return end;
    }

    /**
     * Returns the (exclusive) end of the part of a range, from an address up to its end, that the address's leaf maps.
     */
    public long leafEnd(long address, long end) {
        long span = 1L << (pageShift + bits);
        long last = address | span - 1;
        return Long.compareUnsigned(last, end - 1) < 0 ? last + 1 : end;
    }

    /**
     * Returns the entry of an address.
     *
     * @param address any address
     * @return the entry; {@link Pte#NONE} where there is no leaf, and at or above the limit
     */
    public long get(long address) {
        long[] leaf = leaf(address);
        return leaf == null ? Pte.NONE : Leaf.get(leaf, indexOf(address));
    }

    /**
     * Unhooks the leaf of an address if it is empty and has no pending flush, and then the tables above it that became
     * empty. Allocates nothing, so it can fail only by a stack overflow.
     *
     * @param address an address below the limit
     */
    public void unhookIfEmpty(long address) {
        unhookBelow(root, levels - 1, address);
    }

    /** Returns whether this unhooked the child. */
    private boolean unhookBelow(Object[] table, int level, long address) {
        int index = childIndex(address, level);
        Object child = child(table, index);
        return child != null
                && (!(child instanceof Object[] below) || unhookBelow(below, level - 1, address))
                && unhookIfEmpty(table, index, child);
    }

    /** Unhooks a table; returns false if the table stays or was unhooked before. */
    private boolean unhookIfEmpty(Object[] parent, int index, Object table) {
        long[] state = stateOf(table);
        Leaf.lock(state);
        try {
            if (Leaf.isDead(state) || !isEmpty(table)) {
                return false;
            }
            Leaf.kill(state);
            unhook(parent, index, table);
            return true;
        } finally {
            Leaf.unlock(state);
        }
    }

    /** Returns whether a table is empty, and needs no flush. The caller holds its lock. */
    private static boolean isEmpty(Object table) {
        if (table instanceof long[] leaf) {
            return Leaf.pendingFlushes(leaf) == 0 && Leaf.isEmpty(leaf);
        }
        Object[] upper = (Object[]) table;
        for (int i = 0; i < upper.length - 1; i++) {
            if (upper[i] != null) {
                return false;
            }
        }
        return true;
    }

    /** Removes a table from the table above it. The caller holds the lock of the child. */
    private void unhook(Object[] parent, int index, Object child) {
        long[] state = stateOf(parent);
        Leaf.lock(state);
        try {
            if (!CHILD.compareAndSet(parent, index, child, null)) {
                throw new IllegalStateException("a table that is not dead was not hooked in");
            }
            Leaf.noteChild(state, index, false);
            uncharge(1);
        } finally {
            Leaf.unlock(state);
        }
    }

    /**
     * Unhooks every leaf that is empty and has no pending flush, and every empty table above the leaves. Empty leaves
     * include leaves that a fault created after the mapping was removed. A leaf with a pending flush is left to the
     * operation that will flush it, because the result of {@link Leaf#flushed} makes that operation unhook the leaf.
     */
    public void unhookEmpty() {
        // Orders what the caller did before, as in nextLeaf.
        VarHandle.fullFence();
        unhookEmptyBelow(root);
    }

    /** Visits the tables below a table before the table itself, which may become empty only then. */
    private void unhookEmptyBelow(Object[] parent) {
        for (int i = 0; i < parent.length - 1; i++) {
            // Pairs with the volatile store of link.
            Object child = child(parent, i);
            if (child instanceof Object[] table) {
                unhookEmptyBelow(table);
            }
            if (child != null) {
                unhookIfEmpty(parent, i, child);
            }
        }
    }

    /**
     * Returns the number of pages in memory of a kind.
     *
     * @param kind a kind of pages, as {@link Pte#kindOf} returns it
     */
    public long residentPages(int kind) {
        return Math.max(0, sum(root, kind, kind));
    }

    /** Returns the number of pages in memory of all kinds. */
    public long residentPages() {
        return Math.max(0, sum(root, 0, Pte.PAGE_KINDS - 1));
    }

    /** Returns the highest number of pages of all kinds so far. */
    public long peakPages() {
        return Math.max(peak.getOpaque(), residentPages());
    }

    private static long sum(Object[] upper, int firstKind, int lastKind) {
        long[] state = stateOf(upper);
        long sum = 0;
        for (int word = 0; word < Leaf.wordsOf(upper.length - 1); word++) {
            for (long left = Leaf.children(state, word); left != 0; left &= left - 1) {
                Object child = child(upper, (word << 6) + Long.numberOfTrailingZeros(left));
                if (child instanceof long[] leaf) {
                    for (int kind = firstKind; kind <= lastKind; kind++) {
                        sum += Leaf.pages(leaf, kind);
                    }
                } else if (child instanceof Object[] below) {
                    sum += sum(below, firstKind, lastKind);
                }
            }
        }
        return sum;
    }

    /**
     * Updates the highest number of pages, before pages are removed.
     *
     * @param pages the maximum number of pages that are removed
     */
    public void beforeRemoval(long pages) {
        if (isInParts) {
            if (isDue) {
                isDue = false;
                notePeak();
            }
            return;
        }
        int linked = tables.get();
        if (linked > FEW_TABLES) {
            long due = (long) PAGES_PER_TABLE * linked;
            // A benign race: concurrent threads may add the tables up once too often, or skip some more pages.
            long passed = skipped.getOpaque() + Math.min(pages, due);
            skipped.setOpaque(passed < due ? passed : 0);
            if (passed < due) {
                return;
            }
        }
        notePeak();
    }

    private void notePeak() {
        long now = residentPages();
        long highest = peak.getOpaque();
        while (now > highest && !peak.compareAndSet(highest, now)) {
            highest = peak.getOpaque();
        }
    }

    /** Sets whether threads change the space in parts from now on. */
    public void setInParts(boolean inParts) {
        isDue = inParts;
        isInParts = inParts;
    }

    /**
     * Starts a notice of a first write. After this, the caller calls the backing, and then {@link #endNotice}.
     *
     * @param address the address of the access
     */
    public Notice beginNotice(long address) {
        Notice notice = new Notice(address);
        synchronized (notices) {
            notice.next = notices.next;
            notice.previous = notices;
            notice.next.previous = notice;
            notices.next = notice;
        }
        return notice;
    }

    /**
     * Ends a notice. Allocates nothing.
     *
     * @param notice a notice that was started here and not ended yet
     */
    public void endNotice(Notice notice) {
        synchronized (notices) {
            notice.next.previous = notice.previous;
            notice.previous.next = notice.next;
        }
    }

    /**
     * Makes the notices of a range stale. After this call, the caller executes a full fence, walks the range and
     * removes pages.
     *
     * @param start the first address
     * @param end the end of the range, exclusive
     */
    public void expireNotices(long start, long end) {
        if (notices.next != notices) {
            expireAny(start, end);
        }
    }

    private void expireAny(long start, long end) {
        synchronized (notices) {
            for (Notice notice = notices.next; notice != notices; notice = notice.next) {
                // Compared unsigned and relative to the start, so that a range may end with the last address.
                if (Addresses.contains(start, end, notice.address)) {
                    notice.isStale = true;
                }
            }
        }
    }

    /* Epochs, and the logs of checkpoints. */

    /** Returns the current epoch, as bits of an entry. */
    public long epoch() {
        return (long) EPOCH.getAcquire(this);
    }

    /**
     * Returns whether an entry is of a private page that became writable before the current epoch. Such an entry gives
     * no right to write, whatever its bits are.
     */
    public boolean isOlder(long pte) {
        return ((pte ^ epoch()) & Pte.EPOCH) != 0 && Pte.isOwn(pte);
    }

    /** Returns the log of the youngest open checkpoint; null if there is none. */
    public @Nullable CheckpointLog log() {
        return log;
    }

    /** Begins an epoch, within a section. Until then each entry of the current epoch may be written. */
    public void beginEpoch(CheckpointLog youngest) {
        long next = epoch() + Pte.EPOCH_UNIT;
        if (epoch() == Pte.EPOCH) {
            restartEpochs(root);
            next = Pte.EPOCH_UNIT;
        }
        if (youngest.older != null) {
            youngest.older.seal(true);
        }
        log = youngest;
        EPOCH.setVolatile(this, next);
        youngest.seal(false);
    }

    /** Sets the log of the youngest checkpoint that is still open, within a section. */
    public void setLog(@Nullable CheckpointLog youngest) {
        log = youngest;
    }

    /** Counts the pins for writing of pages of the space: 1 for a new one, -1 for its end. */
    public void countPinForWriting(int sign) {
        pins.getAndAdd(sign);
    }

    /** Returns the number of pins for writing of pages of the space. */
    public int pinsForWriting() {
        return pins.get();
    }

    /** Makes the open checkpoints of the space {@linkplain CheckpointLog#isLost lost}, because its pages are reaped. */
    public void loseLogs() {
        for (CheckpointLog each = log; each != null; each = each.older) {
            each.lose();
        }
    }

    /** Returns the number of frames that the open checkpoints of the space keep. */
    public long keptFrames() {
        long frames = 0;
        for (CheckpointLog each = log; each != null; each = each.older) {
            frames += each.frames();
        }
        return frames;
    }

    /** Sets the number of the current epoch. A seam for tests of the last one. */
    void startAt(int number) {
        EPOCH.setVolatile(this, number * Pte.EPOCH_UNIT);
    }

    /** Gives each private entry the oldest epoch. An entry that is taken for older than it is costs a copy. */
    private static void restartEpochs(Object[] upper) {
        for (int i = 0; i < upper.length - 1; i++) {
            Object child = child(upper, i);
            if (child instanceof Object[] below) {
                restartEpochs(below);
            } else if (child instanceof long[] leaf) {
                Leaf.restartEpochs(leaf);
            }
        }
    }

    /** Returns the number of tables, linked or reserved, at some instant of this call, not counting the topmost. */
    public int tables() {
        return tables.get();
    }

    /**
     * Returns the size of all tables on the simulated machine in bytes: one page for each, including the topmost; 0
     * after {@link #free}.
     */
    public long bytes() {
        return isFreed ? 0 : (tables.get() + 1L) << pageShift;
    }

    /**
     * Walks to a leaf, as a CPU may do speculatively at any time while it has this table, even in LAZY. Acquires no
     * lock, unless it reads a table that is being given back. Then it waits for the end of the critical section that
     * unhooks the table. That section waits only for the lock of the table above.
     *
     * @param from the walk goes to the first leaf at or above this address, or, if there is none, to the first leaf of
     *     all
     * @return a description of what the walk read although it was given back, for messages; null if there is nothing
     */
    public @Nullable String speculate(long from) {
        long first = nextLeaf(Addresses.isBelow(from, limit) ? from : 0, limit);
        long at = first != limit ? first : nextLeaf(0, limit);
        Object[] table = root;
        for (int level = levels - 1; at != limit && level > 0; level--) {
            int index = childIndex(at, level);
            Object child = child(table, index);
            if (child == null) {
                break;
            }
            if (isDeadAndHooked(table, index, child)) {
                return "a table of level " + (level - 1) + " for address 0x" + Long.toHexString(at)
                        + " that was given back";
            }
            if (child instanceof Object[] next) {
                table = next;
            }
        }
        // Checked last, because the root must not be given back during the walk either.
        return isFreed ? "the topmost table, which was given back" : null;
    }

    private static boolean isDeadAndHooked(Object[] table, int index, Object child) {
        long[] state = stateOf(child);
        if (!Leaf.isDead(state)) {
            return false;
        }
        // The mark is final, but was read without the lock. A table is marked and unhooked in one critical section, so
        // this waits for the end of that section.
        Leaf.lock(state);
        Leaf.unlock(state);
        return child(table, index) == child;
    }

    /** Frees the topmost table. There is no reference to it any more. */
    public void free() {
        isFreed = true;
        if (isRootCharged) {
            isRootCharged = false;
            budget.uncharge(1L << pageShift);
        }
    }
}
