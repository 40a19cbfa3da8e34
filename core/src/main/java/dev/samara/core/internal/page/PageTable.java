// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import dev.samara.core.internal.cpu.LoadedRoot;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.vma.Geometry;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The radix page table of one space.
 *
 * <p>A {@link Leaf} is an array of {@linkplain Pte entries}, with its lock and its dead mark. An upper table is an
 * array of references, with its lock and its dead mark in a small separate array. A walk acquires no lock and never
 * waits.
 *
 * <p>A thread that fills an empty entry holds the leaf's lock, and checked that the leaf is not dead and that the
 * mapping is still attached. The lock excludes other threads that fill the entry, so a store is enough. Other entries
 * change by compare-and-set, with or without the lock, or by the get-and-set of an unmapping that holds the lock. Upper
 * entries change under the lock of their table.
 *
 * <p>A table is unhooked only if it is found empty under its lock, and it is marked dead in the same critical section.
 * So no thread can fill an entry of a table that walks do not find. A leaf with a pending flush stays, because CPUs
 * must not have translations for addresses without a leaf ({@link UnhookTables}). The garbage collector frees unhooked
 * tables; a walk that still reads an unhooked table finds it empty.
 */
public final class PageTable implements LoadedRoot {
    private static final VarHandle PASSING;

    static {
        try {
            PASSING = MethodHandles.lookup().findVarHandle(PageTable.class, "passing", int.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    private final int pageShift;
    private final int bits;
    private final int entries;
    private final int levels;

    /** Binary logarithm of the number of bytes that an entry of the topmost table spans. */
    private final int rootShift;

    private final long limit;

    private final Object[] root;
    private final Watches watches = new Watches();
    private final Watches readWatches = new Watches();
    private final PendingNotices notices = new PendingNotices();
    private final ResidentPages residents;

    private final TlbContext context;

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
    @SuppressWarnings("UnusedVariable") // through PASSING
    private int passing;

    private final TableCharge charge;

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
     *     see {@link TableCharge#chargeRoot}
     * @throws IllegalArgumentException if the topmost table would need more than 2^24 entries
     */
    public PageTable(Geometry geometry, TlbContext context, TableBudget budget) {
        this.context = context;
        pageShift = geometry.pageShift();
        charge = new TableCharge(budget, pageShift);
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
        root = UpperTable.make(1 << Math.max(above, 1));
        residents = new ResidentPages(root, charge::tables);
        context.load(this);
    }

    /** Returns the identity of the space for TLBs; always the same object. */
    public TlbContext context() {
        return context;
    }

    /** Returns the number that identifies the space for the access checker. It is unique and never changes. */
    public long number() {
        return context.id();
    }

    /** Returns the gate of the fork that narrows entries, which faults do not change until it is open; or null. */
    public @Nullable Gate forking() {
        return forking;
    }

    /** Keeps the next fork from narrowing entries until {@link #endPass}, which follows soon, without a wait. */
    public void beginPass() {
        PASSING.getAndAdd(this, 1);
    }

    public void endPass() {
        PASSING.getAndAdd(this, -1);
    }

    /** Returns whether a fault must make its next attempt before a fork narrows entries. */
    public boolean hasPassing() {
        return (int) PASSING.getVolatile(this) != 0;
    }

    /** Sets the gate of the fork that is about to narrow entries; null at its end. The caller holds the layout lock. */
    public void setForking(@Nullable Gate gate) {
        forking = gate;
    }

    /** Returns the ranges that are watched for writes; always the same object. */
    public Watches watches() {
        return watches;
    }

    /** Returns the ranges that are watched for reads; always the same object. */
    public Watches readWatches() {
        return readWatches;
    }

    /**
     * Returns whether a range of the space is watched, for writes or for reads. A CPU calls this after it was added to
     * the cpumasks of the leaves whose translations it fills.
     */
    public boolean hasWatches() {
        return !watches.isEmpty() || !readWatches.isEmpty();
    }

    /**
     * Returns the notices of first writes for which the call of the backing has not returned yet; always the same
     * object.
     */
    public PendingNotices notices() {
        return notices;
    }

    /** Returns the numbers of pages in memory; always the same object. */
    public ResidentPages residents() {
        return residents;
    }

    /** Returns whether an address can have an entry, i.e. whether it is below the limit, unsigned. */
    public boolean reaches(long address) {
        return Addresses.isBelow(address, limit);
    }

    /** Returns the binary logarithm of the page size in bytes. */
    public int pageShift() {
        return pageShift;
    }

    /** Returns the number of entries of a leaf, a power of two. */
    public int entries() {
        return entries;
    }

    /** Returns the index of an address's entry in its leaf. */
    public int indexOf(long address) {
        return (int) (address >>> pageShift) & entries - 1;
    }

    /** Returns the topmost table. */
    Object[] root() {
        return root;
    }

    /**
     * Returns the number of levels. The leaves are level 0; the topmost table has the highest level, which is one less
     * than this number.
     */
    int levels() {
        return levels;
    }

    long limit() {
        return limit;
    }

    /** Returns the binary logarithm of the number of bytes that one entry of a level spans; the leaves are level 0. */
    private int shiftOf(int level) {
        return pageShift + level * bits;
    }

    int childIndex(long address, int level) {
        long index = address >>> shiftOf(level);
        return level == levels - 1 ? (int) index : (int) index & entries - 1;
    }

    /**
     * Returns the leaf that contains the entry of an address. Acquires no lock and does not wait.
     *
     * @param address an address below the limit
     * @return the leaf, or null if there is none
     */
    public long @Nullable [] leaf(long address) {
        int shift = rootShift;
        // This load and the loads below pair with the volatile store of link, so that a new table is seen initialized.
        Object table = UpperTable.childAcquire(root, (int) (address >>> shift));
        for (shift -= bits; shift > pageShift; shift -= bits) {
            if (table == null) {
                return null;
            }
            table = UpperTable.childAcquire((Object[]) table, (int) (address >>> shift) & entries - 1);
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
            Object child = UpperTable.childAcquire(table, childIndex(address, level));
            while (level > 1 && child != null) {
                table = (Object[]) child;
                level--;
                child = UpperTable.childAcquire(table, childIndex(address, level));
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
                if (linked != fresh) {
                    giveBack(fresh, reserve);
                }
            }
            if (linked instanceof long[] leaf) {
                return leaf;
            }
        }
    }

    /** Charges and creates a new table; returns null if that would exceed a limit. */
    private @Nullable Object charged(boolean isLeaf) {
        if (!charge.charge(1)) {
            return null;
        }
        Object fresh = null;
        try {
            fresh = make(isLeaf);
            return fresh;
        } finally {
            if (fresh == null) {
                charge.uncharge(1);
            }
        }
    }

    private Object reserved(boolean isLeaf, TableReserve reserve) {
        Object fresh = reserve.take(isLeaf);
        if (fresh == null) {
            fresh = make(isLeaf);
            charge.chargeBeyond();
        }
        return fresh;
    }

    private Object make(boolean isLeaf) {
        return isLeaf ? Leaf.make(entries) : UpperTable.make(entries);
    }

    /** Uncharges a table that was not linked because another thread linked one first, or returns it to the reserve. */
    private void giveBack(Object unlinked, @Nullable TableReserve reserve) {
        if (reserve == null || !reserve.giveBack(unlinked)) {
            charge.uncharge(1);
        }
    }

    /**
     * Links a child to an upper table, unless there is one already, and returns the linked child; returns null if the
     * upper table is dead.
     */
    private static @Nullable Object link(Object[] table, int index, Object fresh) {
        long[] state = (long[]) table[table.length - 1];
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
            UpperTable.setChildVolatile(table, index, fresh);
            Leaf.noteChild(state, index, true);
            return fresh;
        } finally {
            Leaf.unlock(state);
        }
    }

    /** Returns the charge of the tables against the limits of the space and the machine; always the same object. */
    public TableCharge charge() {
        return charge;
    }

    /**
     * Returns the number of tables that are missing on the path to an entry: 1 if only the leaf is missing, 0 if none
     * is.
     */
    int missingTables(long address) {
        Object[] table = root;
        int level = levels - 1;
        Object child = UpperTable.childAcquire(table, childIndex(address, level));
        while (level > 1 && child != null) {
            level--;
            child = UpperTable.childAcquire((Object[]) child, childIndex(address, level));
        }
        return child == null ? level : 0;
    }

    /** Returns whether two addresses share a table of a level; the leaves are level 0. */
    boolean shareTable(long one, long other, int level) {
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
        while (Addresses.isBelow(at, end)) {
            Object[] table = root;
            int level = levels - 1;
            Object child = UpperTable.childAcquire(table, childIndex(at, level));
            while (level > 1 && child != null) {
                level--;
                child = UpperTable.childAcquire((Object[]) child, childIndex(at, level));
            }
            if (child != null) {
                return at;
            }
            long span = 1L << shiftOf(level);
            at = (at & -span) + span;
            if (at == 0) {
                // The last entry of a table that reaches up to 2^64.
                break;
            }
        }
        return end;
    }

    /** Returns the (exclusive) end of the range that the address's leaf maps. */
    public long leafEnd(long address) {
        long span = 1L << (pageShift + bits);
        return (address & -span) + span;
    }

    /**
     * Returns the entry of an address.
     *
     * @param address any address
     * @return the entry; {@link Pte#NONE} where there is no leaf, and at or above the limit
     */
    public long get(long address) {
        if (!reaches(address)) {
            return Pte.NONE;
        }
        long[] leaf = leaf(address);
        return leaf == null ? Pte.NONE : Leaf.get(leaf, indexOf(address));
    }

    /**
     * Removes a table from the table above it. The caller holds the lock of the child. No thread locks a table while it
     * holds the lock of a table above it.
     */
    void unhook(Object[] parent, int index, Object child) {
        long[] state = (long[]) parent[parent.length - 1];
        Leaf.lock(state);
        try {
            if (!UpperTable.replaceChild(parent, index, child, null)) {
                throw new IllegalStateException("a table that is not dead was not hooked in");
            }
            Leaf.noteChild(state, index, false);
            charge.uncharge(1);
        } finally {
            Leaf.unlock(state);
        }
    }

    /** Returns the number of tables, linked or reserved, at some instant of this call, not counting the topmost. */
    public int tables() {
        return charge.tables();
    }

    /**
     * Returns the size of all tables on the simulated machine in bytes: one page for each, including the topmost; 0
     * after {@link #free}.
     */
    public long bytes() {
        return isFreed ? 0 : (charge.tables() + 1L) << pageShift;
    }

    @Override
    public @Nullable String speculate(long from) {
        long first = nextLeaf(Addresses.isBelow(from, limit) ? from : 0, limit);
        long at = first != limit ? first : nextLeaf(0, limit);
        Object[] table = root;
        for (int level = levels - 1; at != limit && level > 0; level--) {
            int index = childIndex(at, level);
            Object child = UpperTable.childAcquire(table, index);
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
        long[] state = child instanceof long[] leaf ? leaf : (long[]) ((Object[]) child)[((Object[]) child).length - 1];
        if (!Leaf.isDead(state)) {
            return false;
        }
        // The mark is final, but was read without the lock. A table is marked and unhooked in one critical section, so
        // this waits for the end of that section.
        Leaf.lock(state);
        Leaf.unlock(state);
        return UpperTable.childAcquire(table, index) == child;
    }

    /** Frees the topmost table. There is no reference to it any more. */
    public void free() {
        isFreed = true;
        charge.unchargeRoot();
    }
}
