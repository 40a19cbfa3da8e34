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
 * A CPU's page table walker, which fills its TLB after a miss, like the page walker of x86. Decides which rights a
 * translation gets in the TLB. Used only by the CPU's owner.
 *
 * <p>A walk sets the CPU's bit in the cpumask (get-and-or, full fence), then reads the entry (acquire), then fills. A
 * thread that changes the entry reads the cpumask afterwards. So either the thread finds the bit, or the walk finds the
 * change. {@link CpuTlb} describes the accesses with which this pairs.
 */
public final class TlbFill {
    /** The bits that give the right to write. */
    private static final long WRITES = Pte.WRITE | Pte.FORCED_WRITE;

    private final SoftTlb tlb;
    private final WalkCache tables;

    /** The CPU's state, which contains the context; null before the CPU is online. */
    private @Nullable CpuState state;

    /**
     * The page table of the CPU's space; null before the first walk there, because after most switches to a space, no
     * walk is needed.
     */
    private @Nullable PageTable table;

    /**
     * The frames that count pages of files which become dirty; null if they are not counted. Set before the CPU has a
     * space.
     */
    private @Nullable Frames frames;

    TlbFill(int pageShift, SoftTlb tlb) {
        this.tlb = tlb;
        tables = new WalkCache(pageShift);
    }

    /** Sets the frames that count pages of files which become dirty. Called before the CPU has a space. */
    void countDirtied(Frames counting) {
        frames = counting;
    }

    /** Starts to serve a CPU that came online. Allocates nothing. */
    void serve(CpuState of) {
        state = of;
        tables.serve(of.bit(), of.sharesBit());
    }

    /**
     * Drops the page table and the cached walks to its leaves. Called because the CPU leaves the space, or because the
     * tables may be freed.
     */
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
     * Walks the page table, and fills the TLB with the translation, unless the page is watched for reads. Called only
     * in GUEST. Does not wait.
     *
     * @param address any address
     * @param right the right that the entry must have, as a bit of {@link Pte}; 0 for a forced read; {@link
     *     Pte#FORCED_WRITE}, for which the TLB gets no translation
     * @return the physical address; {@link SoftTlb#MISS} if the page is not present or its entry does not have the
     *     right, or if the access would make a page dirty while many pages of files are dirty, because then the fault,
     *     which may wait, must make it dirty
     */
    public long walk(long address, long right) {
        long pte = find(address, right);
        if (pte == Pte.NONE) {
            return SoftTlb.MISS;
        }
        // If the translation is not cached, the slot may contain the translation of another page.
        return isUncached(address, pte, right)
                ? tlb.pass(address, Pte.frame(pte))
                : tlb.fill(address, Pte.frame(pte), cachedRights(address, pte), right);
    }

    /**
     * Walks the page table as {@link #walk} does, for an access that is not reported to watchers.
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
     * be read, and no range of the space is watched. Calls nothing large, so that the JVM's compiler inlines it.
     *
     * @return the physical address; {@link SoftTlb#MISS} if nothing was filled, although {@link #add} may fill
     */
    public long refill(long address, long right) {
        PageTable of = table;
        long[] leaf = tables.cached(address);
        if (of == null || leaf == null) {
            return SoftTlb.MISS;
        }
        // Read after this CPU was added to the cpumask, as in find: the cpumask of a cached eighth of a leaf already
        // contains this CPU.
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
        // The entry is read after this CPU was added to the cpumask, so a thread that changes the entry later finds the
        // CPU there.
        int index = of.indexOf(address);
        long pte = Leaf.get(leaf, index);
        long wanted = Pte.PRESENT | right | Pte.ACCESSED | ((right & WRITES) != 0 ? Pte.DIRTY : 0);
        return Pte.has(pte, wanted) ? pte : mark(leaf, index, right, wanted);
    }

    /** Returns the entry of a page without changing it; {@link Pte#NONE} if there is none. Called only in GUEST. */
    public long entry(long address) {
        PageTable of = table();
        long[] leaf = tables.leaf(of, address);
        return leaf == null ? Pte.NONE : Leaf.get(leaf, of.indexOf(address));
    }

    /**
     * Drops the cached walk to a leaf, because a fault may have linked another leaf there.
     *
     * @param address any address of the leaf
     */
    public void forgetTable(long address) {
        tables.forget(address);
    }

    /** Sets the accessed and dirty bits of an entry at the first access or first write. */
    private long mark(long[] leaf, int index, long right, long wanted) {
        long pte = Leaf.get(leaf, index);
        while (Pte.has(pte, Pte.PRESENT | right)) {
            Frames counting = Pte.has(wanted & ~pte, Pte.DIRTY) && Pte.isCached(pte) ? frames : null;
            if (counting != null && counting.isBalanceDue(Pte.frame(pte))) {
                return Pte.NONE;
            }
            if (Leaf.widen(leaf, index, pte, pte | wanted)) {
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
     * Returns whether translations of a page are not cached in the TLB, because the page is watched for reads, or
     * because it must not be read. (An atomic update looks up a translation for stores, but also reads.)
     */
    private boolean isUncached(long address, long pte, long right) {
        return isReadWatched(address) || (right != Pte.EXEC && !Pte.has(pte, Pte.READ));
    }

    /** Returns the rights to a page that are cached in the TLB. */
    private long cachedRights(long address, long pte) {
        // The right to write is cached only once the entry has the dirty bit, because a write through the TLB does not
        // set it.
        boolean mayWrite = Pte.has(pte, Pte.DIRTY) && !isWatched(address);
        return pte & (mayWrite ? Pte.RIGHTS : Pte.RIGHTS & ~Pte.WRITE);
    }

    /**
     * Returns whether a byte of a page is watched for writes. The TLB never contains the right to write to such a page.
     *
     * @param address any address of the page
     */
    public boolean isWatched(long address) {
        PageTable of = table();
        // Read after the CPU added itself to the leaf's cpumask. Pairs with the thread that sets a watchpoint and then
        // reads the cpumasks.
        long page = address >>> of.pageShift() << of.pageShift();
        return of.watches().touches(page, page + (1L << of.pageShift()) - 1);
    }

    /** Returns whether a byte of a page is watched for reads. The TLB never contains a translation of such a page. */
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

    /** Returns the ranges of the CPU's space that are watched for writes; always the same object for a space. */
    public Watches watches() {
        return table().watches();
    }
}
