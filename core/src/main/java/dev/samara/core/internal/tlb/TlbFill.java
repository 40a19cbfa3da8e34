// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.internal.cpu.CpuState;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.page.Watches;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A CPU's own walks of the page table after a TLB miss, which fill its TLB: the work of the page walker of x86. Decides
 * which rights a translation gets in the TLB. Used by the CPU's owner alone.
 *
 * <p>A walk sets the CPU's bit in the cpumask (get-and-or, full fence), then reads the entry (acquire), then fills. A
 * thread that changes the entry reads the cpumask afterwards. So it finds the bit, or the walk finds the change. {@link
 * CpuTlb} says which accesses this pairs with.
 */
public final class TlbFill {
    /** Bits of a right to write. */
    private static final long WRITES = Pte.WRITE | Pte.FORCED_WRITE;

    private final SoftTlb tlb;
    private final WalkCache tables;

    /** The CPU's state, which has its context; null before the CPU is online. */
    private @Nullable CpuState state;

    /** Of the CPU's space, since the first walk there; null before. Most switches to a space need no walk. */
    private @Nullable PageTable table;

    /** Counts pages of files that become dirty; null if none does. Set before the CPU has a space. */
    private @Nullable Frames frames;

    TlbFill(int pageShift, SoftTlb tlb) {
        this.tlb = tlb;
        tables = new WalkCache(pageShift);
    }

    /** Has pages of files counted that become dirty. Called before the CPU has a space. */
    void countDirtied(Frames counting) {
        frames = counting;
    }

    /** Begins to serve a CPU that has come online. Allocates nothing. */
    void serve(CpuState of) {
        state = of;
        tables.serve(of.bit(), of.sharesBit());
    }

    /** Drops the page table and the walks to its leaves: the CPU leaves the space, or the tables may be freed. */
    void forgetTables() {
        tables.clear();
        table = null;
    }

    /** Returns the page table of the CPU's space. */
    private PageTable table() {
        PageTable known = table;
        return known != null ? known : loadTable();
    }

    private PageTable loadTable() {
        TlbContext of = Objects.requireNonNull(Objects.requireNonNull(state).context());
        PageTable loaded = (PageTable) Objects.requireNonNull(of.root());
        table = loaded;
        return loaded;
    }

    /**
     * Walks the page table, and fills the TLB with the translation, unless the page is watched for reads. Called in
     * GUEST only. Does not wait.
     *
     * @param address any address
     * @param right the right that the entry must have, as a bit of {@link Pte}; 0 for a forced read; {@link
     *     Pte#FORCED_WRITE}, for which the TLB gets no translation
     * @return the physical address; {@link SoftTlb#MISS} if the page is not present or its entry does not have the
     *     right, or if the page is clean and many pages of files are dirty: the fault, which may wait, makes it dirty
     */
    public long walk(long address, long right) {
        long pte = find(address, right);
        if (pte == Pte.NONE) {
            return SoftTlb.MISS;
        }
        // Else the slot may have the translation of another page.
        return isUncached(address, pte, right)
                ? tlb.pass(address, Pte.frame(pte))
                : tlb.fill(address, Pte.frame(pte), cachedRights(address, pte), right);
    }

    /**
     * Walks the page table as {@link #walk} does, for an access that nobody is told of.
     *
     * @param right {@link Pte#READ}, {@link Pte#WRITE} or {@link Pte#EXEC}
     * @return the physical address; {@link SoftTlb#MISS} if the TLB gets no translation with this right
     */
    public long add(long address, long right) {
        long pte = find(address, right);
        if (pte == Pte.NONE || isUncached(address, pte, right)) {
            return SoftTlb.MISS;
        }
        long rights = cachedRights(address, pte);
        return (rights & right) == 0 ? SoftTlb.MISS : tlb.fill(address, Pte.frame(pte), rights, right);
    }

    /**
     * Adds a translation as {@link #add} does, if the walk to its leaf is cached, its entry needs no mark, the page may
     * be read, and no range of the space is watched. Calls nothing large, so the compiler of the JVM inlines it.
     *
     * @return the physical address; {@link SoftTlb#MISS} if nothing was filled, although {@link #add} may fill
     */
    public long refill(long address, long right) {
        PageTable of = table;
        long[] leaf = tables.cached(address);
        if (of == null || leaf == null) {
            return SoftTlb.MISS;
        }
        // As in find: this CPU is in the cpumask of a cached leaf's eighth already.
        long pte = Leaf.get(leaf, of.indexOf(address));
        long wanted = Pte.PRESENT | Pte.READ | right | Pte.ACCESSED | (right == Pte.WRITE ? Pte.DIRTY : 0);
        if (!Pte.has(pte, wanted) || of.hasWatches()) {
            return SoftTlb.MISS;
        }
        long rights = pte & (Pte.has(pte, Pte.DIRTY) ? Pte.RIGHTS : Pte.RIGHTS & ~Pte.WRITE);
        return tlb.fill(address, Pte.frame(pte), rights, right);
    }

    /** Returns the entry that an access may use, with its marks set; {@link Pte#NONE} if there is none. */
    private long find(long address, long right) {
        PageTable of = table();
        long[] leaf = tables.leaf(of, address);
        if (leaf == null) {
            return Pte.NONE;
        }
        // The entry is read after this CPU was added to the cpumask: a thread that changes the entry later finds the
        // CPU there.
        int index = of.indexOf(address);
        long pte = Leaf.get(leaf, index);
        long wanted = Pte.PRESENT | right | Pte.ACCESSED | ((right & WRITES) != 0 ? Pte.DIRTY : 0);
        return Pte.has(pte, wanted) ? pte : mark(leaf, index, right, wanted);
    }

    /** Returns the entry of a page, without an effect on it; {@link Pte#NONE} for none. Called in GUEST only. */
    public long entry(long address) {
        PageTable of = table();
        long[] leaf = tables.leaf(of, address);
        return leaf == null ? Pte.NONE : Leaf.get(leaf, of.indexOf(address));
    }

    /**
     * Drops the cached walk to a leaf, after a fault may have made another leaf.
     *
     * @param address any address of the leaf
     */
    public void forgetTable(long address) {
        tables.forget(address);
    }

    /** Marks an entry at the first access or first write since it was made: sets the accessed and dirty bits. */
    private long mark(long[] leaf, int index, long right, long wanted) {
        long pte = Leaf.get(leaf, index);
        while (Pte.has(pte, Pte.PRESENT | right)) {
            Frames counting = Pte.has(wanted & ~pte, Pte.DIRTY) && Pte.isCached(pte) ? frames : null;
            if (counting != null && counting.isBalanceDue(Pte.frame(pte))) {
                return Pte.NONE;
            }
            if (Leaf.compareAndSet(leaf, index, pte, pte | wanted)) {
                if (counting != null) {
                    counting.noteDirtied(Pte.frame(pte));
                }
                return pte | wanted;
            }
            pte = Leaf.get(leaf, index);
        }
        return Pte.NONE;
    }

    /**
     * Returns whether the TLB gets no translation of a page: the page is watched for reads, or it may not be read. An
     * atomic update, which looks up a translation for stores, reads too.
     */
    private boolean isUncached(long address, long pte, long right) {
        return isReadWatched(address) || (right != Pte.EXEC && !Pte.has(pte, Pte.READ));
    }

    /** Returns the rights to a page that the TLB gets. */
    private long cachedRights(long address, long pte) {
        // No write goes through the TLB before the entry has the dirty bit.
        boolean mayWrite = Pte.has(pte, Pte.DIRTY) && !isWatched(address);
        return pte & (mayWrite ? Pte.RIGHTS : Pte.RIGHTS & ~Pte.WRITE);
    }

    /**
     * Returns whether a byte of a page is watched for writes. The TLB never has the right to write to a watched page.
     *
     * @param address any address of the page
     */
    public boolean isWatched(long address) {
        PageTable of = table();
        // After the CPU has added itself to the leaf's cpumask. Pairs with the thread that sets a watchpoint, and then
        // reads the cpumasks.
        long page = address >>> of.pageShift() << of.pageShift();
        return of.watches().touches(page, page + (1L << of.pageShift()) - 1);
    }

    /** Returns whether a byte of a page is watched for reads. The TLB never has a translation of such a page. */
    public boolean isReadWatched(long address) {
        PageTable of = table();
        // As in isWatched.
        long page = address >>> of.pageShift() << of.pageShift();
        return of.readWatches().touches(page, page + (1L << of.pageShift()) - 1);
    }

    /** Returns the ranges of the CPU's space that are watched for reads; always the same object for a space. */
    public Watches readWatches() {
        return table().readWatches();
    }

    /** Returns the watched ranges of the CPU's space; always the same object for a space. */
    public Watches watches() {
        return table().watches();
    }
}
