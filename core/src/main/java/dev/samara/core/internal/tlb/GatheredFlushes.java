// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.cpu.BegunShootdown;
import dev.samara.core.internal.cpu.CpuState;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.cpu.Shootdowns;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.UnhookTables;
import dev.samara.core.internal.sync.Addresses;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The leaves with changed entries whose old translations some CPU may still have. They are flushed before the frames
 * are freed. Used by one thread.
 */
final class GatheredFlushes {
    private final Shootdowns shootdowns;

    /** The context of a space without users, whose translations no CPU uses any more; null if there is none. */
    private @Nullable TlbContext ended;

    /** The first {@link #size} elements are pending; the rest are spare. */
    private LeafFlush[] flushes = {};

    private int size;

    /** A range of one leaf in which entries changed. Records are reused, because adding one must not fail. */
    private static final class LeafFlush {
        @Nullable
        PageTable table;

        long @Nullable [] leaf;
        long start;
        long end;
        MmuNotifier.Reason reason = MmuNotifier.Reason.UNMAPPED;

        void fill(PageTable ofTable, long[] changed, long from, long to, MmuNotifier.Reason why) {
            table = ofTable;
            leaf = changed;
            start = from;
            end = to;
            reason = why;
        }

        PageTable table() {
            return Objects.requireNonNull(table);
        }

        long[] leaf() {
            return Objects.requireNonNull(leaf);
        }

        long cpumask() {
            PageTable of = table();
            return Leaf.cpumask(leaf(), of.indexOf(start), of.indexOf(end - 1));
        }

        /** Clears this record, so that it keeps no table reachable. */
        void clear() {
            table = null;
            leaf = null;
        }
    }

    GatheredFlushes(Shootdowns shootdowns, @Nullable TlbContext ended) {
        this.shootdowns = shootdowns;
        this.ended = ended;
    }

    /**
     * Checks that no CPU uses the translations of a context any more, and returns the context.
     *
     * @throws IllegalStateException if the context's space has users, or if a CPU that is not LAZY is in it
     */
    static TlbContext checkOver(Cpus cpus, TlbContext ended) {
        if (!ended.isEnded()) {
            throw new IllegalStateException("a space with " + ended.users().users() + " users, " + ended.cpus()
                    + " of them CPUs, was to be left without a flush");
        }
        CpuState user = cpus.beginTeardown(ended);
        if (user != null) {
            throw new IllegalStateException(user + " is not LAZY, and is in a space that no CPU uses");
        }
        return ended;
    }

    int size() {
        return size;
    }

    /** From now on, skips flushes for this context, because no CPU can use its translations. */
    void leaveOut(TlbContext over) {
        ended = over;
    }

    /** Returns whether a pending flush belongs to a space whose page table was given back. */
    boolean isLate() {
        for (int i = 0; i < size; i++) {
            if (flushes[i].table().context().isGivenBack()) {
                return true;
            }
        }
        return false;
    }

    /** Returns whether one more leaf fits without allocation. */
    boolean hasCapacity() {
        return size < flushes.length;
    }

    /** Ensures capacity for one more leaf, so that the next {@link #add} does not fail. */
    void ensureCapacity() {
        if (size == flushes.length) {
            LeafFlush[] more = Arrays.copyOf(flushes, Math.max(4, 2 * size));
            for (int i = size; i < more.length; i++) {
                more[i] = new LeafFlush();
            }
            flushes = more;
        }
    }

    /**
     * Adds a half-open range of one leaf in which the caller is about to change entries. The caller holds the leaf's
     * lock, and the leaf is not dead.
     */
    void add(PageTable table, long[] leaf, long start, long end, MmuNotifier.Reason reason) {
        ensureCapacity();
        Leaf.deferFlush(leaf);
        flushes[size++].fill(table, leaf, start, end, reason);
    }

    /**
     * Flushes the leaves that were added, and waits for the CPUs. The caller holds no lock, and calls {@link #flushed}
     * afterwards.
     */
    void flush() {
        flush(null);
    }

    /** Starts the shootdowns of a flush without waiting, and returns the shootdowns that are not complete yet. */
    List<BegunShootdown> begin() {
        List<BegunShootdown> begun = new ArrayList<>(1);
        flush(begun);
        return begun;
    }

    private void flush(@Nullable List<BegunShootdown> begun) {
        int from = 0;
        while (from < size) {
            int behind = from + 1;
            while (behind < size && flushes[behind].table == flushes[from].table) {
                behind++;
            }
            flush(from, behind, begun);
            from = behind;
        }
    }

    /** Flushes the leaves of one space with one range that spans them all, either locally or with one generation. */
    private void flush(int from, int behind, @Nullable List<BegunShootdown> begun) {
        LeafFlush first = flushes[from];
        TlbContext context = first.table().context();
        if (context == ended || context.isGivenBack()) {
            // The page table was already given back, because a retried end may run after the teardown of the space. No
            // CPU is in the space, so nothing is flushed.
            return;
        }
        long start = first.start;
        long end = first.end;
        MmuNotifier.Reason reason = first.reason;
        for (int i = from + 1; i < behind; i++) {
            LeafFlush flush = flushes[i];
            start = Addresses.lower(flush.start, start);
            end = Addresses.higher(flush.end, end);
            reason = FlushReasons.stronger(flush.reason, reason);
        }
        // Orders the changes of the entries before the loads of the cpumasks. Pairs with Leaf.addToCpumask.
        VarHandle.fullFence();
        if (shootdowns.flushLocally(context, cpumask(from, behind), start, end)) {
            return;
        }
        long generation = context.generation().advance();
        long mask = cpumask(from, behind);
        context.log(generation, start, end, mask, reason);
        if (begun == null) {
            shootdowns.shoot(context, generation, mask);
        } else {
            BegunShootdown shootdown = shootdowns.begin(context, generation, mask);
            if (shootdown != null) {
                begun.add(shootdown);
            }
        }
    }

    private long cpumask(int from, int behind) {
        long mask = 0;
        for (int i = from; i < behind; i++) {
            mask |= flushes[i].cpumask();
        }
        return mask;
    }

    /**
     * Decrements the number of pending flushes of each leaf, and unhooks the leaves that are empty. A leaf is removed
     * from the list after its decrement. So after an exception, either the number of a leaf was decremented, or the
     * leaf is in the list for the next call. A leaf whose number was decremented, but that was not unhooked, is left to
     * the next operation there, or to the teardown of the space.
     */
    void flushed() {
        while (size > 0) {
            LeafFlush last = flushes[size - 1];
            PageTable table = last.table();
            boolean isEmpty = Leaf.flushed(last.leaf());
            size--;
            last.clear();
            if (isEmpty) {
                UnhookTables.unhookIfEmpty(table, last.start);
            }
        }
    }
}
