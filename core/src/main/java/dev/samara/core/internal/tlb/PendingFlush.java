// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.cpu.Shootdown;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The leaves in which somebody has changed entries, until every CPU that may have had translations of them has dropped
 * these. For one thread.
 */
final class PendingFlush {
    private final Cpus cpus;

    /** Whose translations nobody uses any more. */
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

    /** Says that nobody uses a context any more. */
    void leaveOut(TlbContext over) {
        ended = over;
    }

    /** Whether one more leaf needs no memory. */
    boolean hasRoom() {
        return size < leaves.length;
    }

    /** Makes room for one more leaf: {@link #add} does not fail then. */
    void makeRoom() {
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
     * Adds a range of one leaf, of which the caller is about to change entries. He holds its lock, and it is not dead.
     */
    void add(PageTable table, long[] leaf, long start, long end, MmuNotifier.Reason reason) {
        makeRoom();
        Leaf.owe(leaf);
        tables[size] = table;
        leaves[size] = leaf;
        starts[size] = start;
        ends[size] = end;
        reasons[size++] = reason;
    }

    /** Has translations dropped; what was added before this is settled after it. Caller holds no lock. */
    void flush() {
        flush(null);
    }

    /** Asks for the same without waiting. */
    List<Shootdown> ask() {
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

    /** One space's: one generation, with the range from the first to the last. */
    private void flush(int from, int behind, @Nullable List<Shootdown> begun) {
        // Behind the change of the entries: who loads the space again after this sees them, with a context of his own.
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
            start = Long.compareUnsigned(starts[i], start) < 0 ? starts[i] : start;
            end = Long.compareUnsigned(ends[i], end) > 0 ? ends[i] : end;
            reason = Reasons.stronger(reasons[i], reason);
            PageTable table = tables[i];
            mask |= Leaf.holders(leaves[i], table.indexOf(starts[i]), table.indexOf(ends[i] - 1));
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
     * Lets the leaves go, and unhooks those that are empty. A leaf is taken off with its count, so what this throws
     * leaves each leaf either settled or here, for the next call. A leaf that was settled and not unhooked is left to
     * the next operation there, or to the end of the space.
     */
    void settle() {
        while (size > 0) {
            int last = size - 1;
            boolean isToGo = Leaf.settle(leaves[last]);
            size = last;
            if (isToGo) {
                tables[last].unhookIfEmpty(starts[last]);
            }
        }
        Arrays.fill(leaves, null);
        Arrays.fill(tables, null);
    }
}
