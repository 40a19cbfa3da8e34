// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.cpu.Shootdown;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.sync.Addresses;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The flushes that must happen before frames are freed: leaves with changed entries, until every CPU that may have had
 * translations of them has dropped these. Used by one thread.
 */
final class PendingFlush {
    private final Cpus cpus;

    /** The context whose translations no CPU uses any more; null for none. */
    private @Nullable TlbContext ended;

    private PageTable[] tables = {};
    private long[][] leaves = {};
    private long[] starts = {};
    private long[] ends = {};
    private MmuNotifier.Reason[] reasons = {};
    private int size;

    PendingFlush(Cpus cpus, @Nullable TlbContext ended) {
        this.cpus = cpus;
        this.ended = ended;
    }

    int size() {
        return size;
    }

    /** Leaves a context without flushes from now on, since no CPU uses its translations any more. */
    void leaveOut(TlbContext over) {
        ended = over;
    }

    /** Returns whether one more leaf fits without allocation. */
    boolean hasCapacity() {
        return size < leaves.length;
    }

    /** Ensures capacity for one more leaf, so that the next {@link #add} does not fail. */
    void ensureCapacity() {
        if (size == leaves.length) {
            int more = Math.max(4, 2 * size);
            tables = Arrays.copyOf(tables, more);
            starts = Arrays.copyOf(starts, more);
            ends = Arrays.copyOf(ends, more);
            reasons = Arrays.copyOf(reasons, more);
            leaves = Arrays.copyOf(leaves, more);
        }
    }

    /**
     * Adds a half-open range of one leaf in which the caller is about to change entries. The caller holds the leaf's
     * lock, and the leaf is not dead.
     */
    void add(PageTable table, long[] leaf, long start, long end, MmuNotifier.Reason reason) {
        ensureCapacity();
        Leaf.deferFlush(leaf);
        tables[size] = table;
        leaves[size] = leaf;
        starts[size] = start;
        ends[size] = end;
        reasons[size++] = reason;
    }

    /**
     * Flushes the leaves that were added, and waits for the CPUs. The caller calls {@link #flushed} after it, and holds
     * no lock.
     */
    void flush() {
        flush(null);
    }

    /** Begins the shootdowns of a flush without waiting, and returns those that are not over yet. */
    List<Shootdown> begin() {
        List<Shootdown> begun = new ArrayList<>(1);
        flush(begun);
        return begun;
    }

    private void flush(@Nullable List<Shootdown> begun) {
        int from = 0;
        while (from < size) {
            int behind = from + 1;
            while (behind < size && tables[behind] == tables[from]) {
                behind++;
            }
            flush(from, behind, begun);
            from = behind;
        }
    }

    /** Flushes the leaves of one space with one generation, whose range spans them all. */
    private void flush(int from, int behind, @Nullable List<Shootdown> begun) {
        // After the change of the entries: a CPU that loads the space later, with a new context, sees the change.
        // Pairs with PageTable.use.
        TlbContext context = tables[from].context();
        if (context == ended) {
            return;
        }
        long generation = context.advance();
        long start = starts[from];
        long end = ends[from];
        MmuNotifier.Reason reason = reasons[from];
        long mask = 0;
        for (int i = from; i < behind; i++) {
            start = Addresses.lower(starts[i], start);
            end = Addresses.higher(ends[i], end);
            reason = Reasons.stronger(reasons[i], reason);
            PageTable table = tables[i];
            mask |= Leaf.cpumask(leaves[i], table.indexOf(starts[i]), table.indexOf(ends[i] - 1));
        }
        context.log(generation, start, end, mask, reason);
        if (begun == null) {
            cpus.shoot(context, generation, mask);
        } else {
            Shootdown shootdown = cpus.begin(context, generation, mask);
            if (shootdown != null) {
                begun.add(shootdown);
            }
        }
    }

    /**
     * Counts off the pending flush of each leaf, and unhooks the leaves that are empty. A leaf leaves the list once its
     * flush is counted off, so after an exception each leaf is either counted off or in the list for the next call. A
     * leaf that was counted off and not unhooked is left to the next operation there, or to the end of the space.
     */
    void flushed() {
        while (size > 0) {
            int last = size - 1;
            boolean isEmpty = Leaf.flushed(leaves[last]);
            size = last;
            if (isEmpty) {
                tables[last].unhookIfEmpty(starts[last]);
            }
        }
        Arrays.fill(leaves, null);
        Arrays.fill(tables, null);
    }
}
