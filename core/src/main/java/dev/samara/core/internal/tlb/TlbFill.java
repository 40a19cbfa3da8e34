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
        PageTable of = table();
        long[] leaf = tables.leaf(of, address);
        if (leaf == null) {
            return SoftTlb.MISS;
        }
        // The entry is read after this CPU was added to the cpumask: a thread that changes the entry later finds the
        // CPU there.
        int index = of.indexOf(address);
        long pte = Leaf.get(leaf, index);
        long wanted = Pte.PRESENT | right | Pte.ACCESSED | ((right & WRITES) != 0 ? Pte.DIRTY : 0);
        return Pte.has(pte, wanted) ? fill(address, pte, right) : walkFirst(address, right, leaf, index, wanted);
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

    /** Walks for the first access or first write since the entry was made: sets the accessed and dirty bits. */
    private long walkFirst(long address, long right, long[] leaf, int index, long wanted) {
        long pte = Leaf.get(leaf, index);
        while (Pte.has(pte, Pte.PRESENT | right)) {
            Frames counting = Pte.has(wanted & ~pte, Pte.DIRTY) && Pte.isCached(pte) ? frames : null;
            if (counting != null && counting.isBalanceDue(Pte.frame(pte))) {
                return SoftTlb.MISS;
            }
            if (Leaf.compareAndSet(leaf, index, pte, pte | wanted)) {
                if (counting != null) {
                    counting.noteDirtied(Pte.frame(pte));
                }
                return fill(address, pte | wanted, right);
            }
            pte = Leaf.get(leaf, index);
        }
        return SoftTlb.MISS;
    }

    private long fill(long address, long pte, long right) {
        int frame = Pte.frame(pte);
        // Not filled: the slot may have the translation of another page. A page without the right to read is never in
        // the TLB for stores: an atomic update, which looks there, reads too.
        if (isReadWatched(address) || (right != Pte.EXEC && !Pte.has(pte, Pte.READ))) {
            return tlb.pass(address, frame);
        }
        // No write goes through the TLB before the entry has the dirty bit.
        boolean mayWrite = Pte.has(pte, Pte.DIRTY) && !isWatched(address);
        long rights = pte & (mayWrite ? Pte.RIGHTS : Pte.RIGHTS & ~Pte.WRITE);
        return tlb.fill(address, frame, rights, right);
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
