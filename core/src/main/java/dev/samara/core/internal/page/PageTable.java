// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.vma.Geometry;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The radix page table of one space.
 *
 * <p>A {@link Leaf} is an array of {@linkplain Pte entries}, with its lock and its dead mark; an upper table is an
 * array of references, and has its lock and its mark in a small array of its own. Walking takes no lock and never
 * waits.
 *
 * <p>Whoever puts something into an empty entry holds the leaf's lock, has seen that the leaf is not dead and has
 * checked that the mapping stands; so nobody else does, and a store is enough. Other entries change by compare-and-set
 * or get-and-set only, for which nobody need hold the lock. Upper entries change under the lock of their table.
 *
 * <p>A table is unhooked only if it is empty under its lock, and in the same section it is marked dead, so nobody puts
 * anything into a table that nobody can find. A leaf of which a flush is owed stays: where there is no leaf, no CPU has
 * a translation. Unhooked tables are the garbage collector's: a walker that still is in one sees it empty.
 */
public final class PageTable {
    private static final VarHandle CHILD = MethodHandles.arrayElementVarHandle(Object[].class);
    private static final VarHandle CONTEXT;

    static {
        try {
            CONTEXT = MethodHandles.lookup().findVarHandle(PageTable.class, "context", TlbContext.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    private final int pageShift;
    private final int bits;
    private final int entries;
    private final int levels;

    /** Of the bytes that an entry of the topmost table spans. */
    private final int rootShift;

    private final long limit;

    private final Object[] root;
    private final Watches watches = new Watches();
    private final PendingNotices notices = new PendingNotices();

    @SuppressWarnings("UnusedVariable") // through CONTEXT
    private TlbContext context = new TlbContext();

    private final long number = context.id();

    /** How many tables there are, the root not counted. */
    private final AtomicInteger tables = new AtomicInteger();

    /**
     * Makes an empty table.
     *
     * @param geometry page size, levels and bounds; a level has as many entries of 8 bytes as fit a page, the topmost
     *     as many as the bounds need
     */
    public PageTable(Geometry geometry) {
        pageShift = geometry.pageShift();
        bits = pageShift - 3;
        entries = 1 << bits;
        limit = geometry.limit();
        int need = Long.SIZE - Long.numberOfLeadingZeros(limit - 1) - pageShift;
        int most = Math.max(geometry.levels(), 2);
        int above = need - (most - 1) * bits;
        // Where the upper levels have room to spare, fewer do.
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
        root = upper(1 << Math.max(above, 1));
    }

    private static Object[] upper(int size) {
        Object[] table = new Object[size + 1];
        table[size] = Leaf.newState();
        return table;
    }

    /**
     * What the space is to translation caches. Who changes an entry reads this after that.
     *
     * @return the same until it is {@linkplain TlbContext#end ended}, and somebody uses the space again
     */
    public TlbContext context() {
        // Volatile: behind the change of an entry, and before whatever is decided by it. Pairs with use.
        return (TlbContext) CONTEXT.getVolatile(this);
    }

    /**
     * What the space is to who judges accesses.
     *
     * @return a number that no other space has, and always the same
     */
    public long number() {
        return number;
    }

    /**
     * Counts a CPU that is about to load the space. Where the context has ended, it gets another.
     *
     * @return the context, of which the CPU is counted as a user
     */
    public TlbContext use() {
        TlbContext of = context();
        while (!of.use()) {
            CONTEXT.compareAndSet(this, of, new TlbContext());
            of = context();
        }
        // Between the context and the entries. Pairs with who ends a context, changes entries, and then reads
        // which context there is: whom he does not find sees the change.
        VarHandle.fullFence();
        return of;
    }

    /**
     * What is watched for writes.
     *
     * @return always the same
     */
    public Watches watches() {
        return watches;
    }

    /**
     * The first writes of which backings are being told.
     *
     * @return always the same
     */
    public PendingNotices notices() {
        return notices;
    }

    /**
     * Whether an address can have an entry.
     *
     * @param address any address
     * @return true if it lies below the limit
     */
    public boolean reaches(long address) {
        return Long.compareUnsigned(address, limit) < 0;
    }

    /**
     * The page size.
     *
     * @return its binary logarithm
     */
    public int pageShift() {
        return pageShift;
    }

    /**
     * The number of entries of a leaf.
     *
     * @return a power of two
     */
    public int entries() {
        return entries;
    }

    /**
     * Where in its leaf the entry of an address is.
     *
     * @param address any address
     * @return an index
     */
    public int indexOf(long address) {
        return (int) (address >>> pageShift) & entries - 1;
    }

    /** The bytes that one entry of a table spans; level 1 is the lowest above the leaves. */
    private int shiftOf(int level) {
        return pageShift + level * bits;
    }

    private int childIndex(long address, int level) {
        long index = address >>> shiftOf(level);
        return level == levels - 1 ? (int) index : (int) index & entries - 1;
    }

    /**
     * The leaf that has the entry of an address.
     *
     * @param address an address below the limit
     * @return the leaf, or null if there is none
     */
    public long @Nullable [] leaf(long address) {
        int shift = rootShift;
        // Pairs with the volatile store of link: a table is seen as it was made. So below.
        Object table = CHILD.getAcquire(root, (int) (address >>> shift));
        for (shift -= bits; shift > pageShift; shift -= bits) {
            if (table == null) {
                return null;
            }
            table = CHILD.getAcquire((Object[]) table, (int) (address >>> shift) & entries - 1);
        }
        return (long[]) table;
    }

    /**
     * The leaf that has the entry of an address, made where there is none. It may be dead by the time it is locked:
     * then this is called again.
     *
     * @param address an address below the limit
     * @return the leaf
     */
    public long[] leafForInstall(long address) {
        for (; ; ) {
            Object[] table = root;
            int level = levels - 1;
            Object child = CHILD.getAcquire(table, childIndex(address, level));
            while (level > 1 && child != null) {
                table = (Object[]) child;
                level--;
                child = CHILD.getAcquire(table, childIndex(address, level));
            }
            if (child == null) {
                child = link(table, level, address);
            }
            if (child instanceof long[] leaf) {
                return leaf;
            }
        }
    }

    /** Makes a child of an upper table; null if that is dead. */
    private @Nullable Object link(Object[] table, int level, long address) {
        int index = childIndex(address, level);
        Object fresh = level == 1 ? Leaf.make(entries) : upper(entries);
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
            // Volatile: before the caller's look whether the VMA is attached. Pairs with the volatile DETACHED of who
            // takes the mapping away and then walks: either he finds this table, or the caller the mark.
            CHILD.setVolatile(table, index, fresh);
            tables.getAndIncrement();
            return fresh;
        } finally {
            Leaf.unlock(state);
        }
    }

    /**
     * The first address at or above a given one, and below another, whose entry is in a leaf that there is. A full
     * fence comes before the look.
     *
     * @param address from where
     * @param end behind the last address that is asked about, not above the limit
     * @return the address, the given one or the first of a leaf; or {@code end} if there is none
     */
    public long nextLeaf(long address, long end) {
        // Between the mark of who takes a mapping or a page away and his walk. Pairs with the volatile store of link,
        // which is before the other's look at the mark.
        VarHandle.fullFence();
        long at = address;
        while (Long.compareUnsigned(at, end) < 0) {
            Object[] table = root;
            int level = levels - 1;
            Object child = CHILD.getAcquire(table, childIndex(at, level));
            while (level > 1 && child != null) {
                level--;
                child = CHILD.getAcquire((Object[]) child, childIndex(at, level));
            }
            if (child != null) {
                return at;
            }
            long span = 1L << shiftOf(level);
            at = (at & -span) + span;
        }
        return end;
    }

    /**
     * Behind the last address whose entry is in the same leaf as a given one.
     *
     * @param address any address
     * @return the first address of the next leaf
     */
    public long leafEnd(long address) {
        long span = 1L << (pageShift + bits);
        return (address & -span) + span;
    }

    /**
     * The entry of an address, as a walker reads it.
     *
     * @param address any address
     * @return the entry, {@link Pte#NONE} where there is no table
     */
    public long get(long address) {
        if (!reaches(address)) {
            return Pte.NONE;
        }
        long[] leaf = leaf(address);
        return leaf == null ? Pte.NONE : Leaf.get(leaf, indexOf(address));
    }

    /**
     * Unhooks the leaf of an address if it is empty and no flush of it is owed, and the tables above it that have
     * become empty.
     *
     * @param address an address below the limit
     */
    public void unhookIfEmpty(long address) {
        unhookBelow(root, levels - 1, address);
    }

    /**
     * Allocates nothing, so that nothing but the stack can run out here. Returns whether the child of the table has
     * gone.
     */
    private boolean unhookBelow(Object[] table, int level, long address) {
        int index = childIndex(address, level);
        Object child = CHILD.getAcquire(table, index);
        if (child instanceof long[] leaf) {
            return unhookIfEmpty(table, index, leaf);
        }
        return child instanceof Object[] below
                && unhookBelow(below, level - 1, address)
                && unhookIfEmpty(table, index, below);
    }

    /** Unhooks a leaf; false if it stays, or is gone. */
    private boolean unhookIfEmpty(Object[] parent, int index, long[] leaf) {
        Leaf.lock(leaf);
        try {
            if (Leaf.isDead(leaf) || Leaf.isOwed(leaf) || !Leaf.isEmpty(leaf)) {
                return false;
            }
            Leaf.kill(leaf);
            unhook(parent, index, leaf);
            return true;
        } finally {
            Leaf.unlock(leaf);
        }
    }

    /** Unhooks a table above the leaves; false if it stays, or is gone. */
    private boolean unhookIfEmpty(Object[] parent, int index, Object[] table) {
        long[] state = (long[]) table[table.length - 1];
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

    /**
     * Unhooks every leaf that is empty and of which no flush is owed, also those that a fault has made in vain after
     * the mapping there had gone; and every table above that has none left. An owed leaf is left to the operation that
     * owes its flush: {@link Leaf#settle} tells that operation to unhook it.
     */
    public void unhookEmpty() {
        for (long at = nextLeaf(0, limit); at != limit; at = nextLeaf(at, limit)) {
            unhookIfEmpty(at);
            at = leafEnd(at);
        }
        unhookEmptyBelow(root);
    }

    /** Also where another has unhooked the last leaf and not come to the tables above it. */
    private void unhookEmptyBelow(Object[] parent) {
        for (int i = 0; i < parent.length - 1; i++) {
            // Pairs with the volatile store of link.
            if (CHILD.getAcquire(parent, i) instanceof Object[] table) {
                unhookEmptyBelow(table);
                unhookIfEmpty(parent, i, table);
            }
        }
    }

    /** Caller holds the lock of the child, and nobody who holds a table's lock takes that of one below. */
    private void unhook(Object[] parent, int index, Object child) {
        long[] state = (long[]) parent[parent.length - 1];
        Leaf.lock(state);
        try {
            if (!CHILD.compareAndSet(parent, index, child, (Object) null)) {
                throw new IllegalStateException("a table that is not dead was not hooked in");
            }
            tables.getAndDecrement();
        } finally {
            Leaf.unlock(state);
        }
    }

    private static boolean isEmpty(Object[] table) {
        for (int i = 0; i < table.length - 1; i++) {
            if (table[i] != null) {
                return false;
            }
        }
        return true;
    }

    /**
     * The number of tables, the topmost not counted.
     *
     * @return the number at some instant of this call
     */
    public int tables() {
        return tables.get();
    }

    /**
     * What the tables would take on the simulated machine.
     *
     * @return bytes
     */
    public long bytes() {
        return (tables.get() + 1L) << pageShift;
    }
}
