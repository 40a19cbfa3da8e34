// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.pagewalk;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.tlb.Memory;
import dev.samara.core.internal.tlb.TlbGather;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Taking pages away from where the mapping stays: {@code MADV_DONTNEED} and its like, truncation, punching of holes.
 *
 * <p>Three steps, for a batch of entries at a time: each entry is marked in transit, with its page; then no CPU can
 * translate to the page any more; then the entry is emptied by compare-and-set, and the page freed. A fault waits
 * meanwhile. An entry that somebody else has taken over by then is his, and its page too; if it was to become a guard,
 * it still will.
 *
 * <p>One object serves one operation and its thread, which holds no lock and is in no reader section, but where a
 * method says so.
 */
public final class DiscardPages implements AutoCloseable {
    private static final int BATCH = 1 << 10;

    /* Between attempts to finish what has failed. */
    private static final long SHORTEST_PAUSE = 1_000_000;
    private static final long LONGEST_PAUSE = 1_000_000_000;

    private final Memory memory;
    private final TlbGather gather;

    /** Whether the gather is somebody's who goes on with it. */
    private final boolean isLent;

    /** What an entry becomes. */
    private final long left;

    private long[][] leaves = new long[16][];
    private int[] indexes = new int[16];
    private long[] marks = new long[16];
    private int size;

    /** Of leaves all of whose pages are to go, which may go too ({@code CONFIG_PT_RECLAIM}). */
    private long[] wholes = {};

    private int wholesSize;

    /** Frames that go once nobody can translate to them. */
    private int[] dropped = {};

    private int droppedSize;
    private @Nullable PageTable wholesOf;

    /**
     * Begins an operation.
     *
     * @param memory the machine's
     * @param left what entries become: {@link Pte#NONE} or {@link Pte#GUARD}
     */
    public DiscardPages(Memory memory, long left) {
        this.memory = memory;
        this.left = left;
        isLent = false;
        gather = new TlbGather(memory);
    }

    /**
     * Begins a part of an operation that has a gather already. The operation does not use it before this is closed.
     *
     * @param lent a gather of which everything is invalidated and freed. If closing this fails, the next {@link
     *     TlbGather#resume} tries again
     * @param left what entries become: {@link Pte#NONE} or {@link Pte#GUARD}
     */
    public DiscardPages(TlbGather lent, long left) {
        this(lent, true, left);
    }

    private DiscardPages(TlbGather gather, boolean isLent, long left) {
        memory = gather.memory();
        this.gather = gather;
        this.isLent = isLent;
        this.left = left;
    }

    /**
     * Begins an operation if there is a worker for it.
     *
     * @param memory the machine's
     * @param left what entries become: {@link Pte#NONE} or {@link Pte#GUARD}
     * @return the operation; null if all workers that there can be are lent
     */
    public static @Nullable DiscardPages orNull(Memory memory, long left) {
        TlbGather gather = TlbGather.with(memory, null);
        DiscardPages made = new DiscardPages(gather, false, left);
        return gather.tryResume() ? made : null;
    }

    /**
     * Who works.
     *
     * @return a worker for the time of this operation
     */
    public PageTableContext worker() {
        return gather.worker();
    }

    /** Which entries are taken. */
    @FunctionalInterface
    public interface Choice {
        /**
         * Decides on one entry; called under the lock of its leaf.
         *
         * @param pte an entry that is present or in transit
         * @param address where it is
         * @return whether it is taken
         */
        boolean takes(long pte, long address);
    }

    /**
     * Takes the pages of a range.
     *
     * @param table a space's
     * @param start the first address
     * @param end behind the last
     * @param choice which of them
     */
    public void discard(PageTable table, long start, long end, Choice choice) {
        long span = (long) table.entries() << table.pageShift();
        // Also where no leaf is yet. The fence of the walk is between the notices and the leaves.
        table.notices().expire(start, end);
        long at = table.nextLeaf(start, end);
        while (Long.compareUnsigned(at, end) < 0) {
            long stop = table.leafEnd(at);
            boolean isLast = Long.compareUnsigned(stop, end) >= 0;
            long[] leaf = table.leaf(at);
            if (leaf != null) {
                mark(table, leaf, at, isLast ? end : stop, choice);
                if (at == stop - span && Long.compareUnsigned(stop, end) <= 0) {
                    noteWhole(table, at);
                }
            }
            if (size >= BATCH || gather.isFull()) {
                finish();
            }
            at = isLast ? end : table.nextLeaf(stop, end);
        }
    }

    /**
     * Puts guards into a range, over its pages and where there is none; for an operation that leaves guards.
     *
     * @param table a space's
     * @param start the first address
     * @param end behind the last
     */
    public void guard(PageTable table, long start, long end) {
        long at = start;
        while (Long.compareUnsigned(at, end) < 0) {
            long stop = table.leafEnd(at);
            boolean isLast = Long.compareUnsigned(stop, end) >= 0;
            while (!guardLeaf(table, at, isLast ? end : stop)) {
                Thread.onSpinWait();
            }
            if (size >= BATCH || gather.isFull()) {
                finish();
            }
            at = isLast ? end : stop;
        }
    }

    /**
     * In one section, so that no page goes between a look for empty entries and one for others; false if the leaf is
     * dead.
     */
    private boolean guardLeaf(PageTable table, long start, long end) {
        long[] leaf = table.leafForInstall(start);
        int first = table.indexOf(start);
        int behind = table.indexOf(end);
        int last = behind == 0 ? table.entries() : behind;
        Leaf.lock(leaf);
        try {
            if (Leaf.isDead(leaf)) {
                return false;
            }
            gather.owe(table, leaf, start, end, MmuNotifier.Reason.DISCARDED);
            for (int i = first; i < last; i++) {
                while (!guardEntry(leaf, i)) {
                    Thread.onSpinWait();
                }
            }
            return true;
        } finally {
            Leaf.unlock(leaf);
        }
    }

    /** False if another has emptied the entry meanwhile. */
    private boolean guardEntry(long[] leaf, int index) {
        if (Leaf.fill(leaf, index, left) || Leaf.get(leaf, index) == left) {
            return true;
        }
        take(leaf, index, 0, (pte, address) -> true);
        return Leaf.get(leaf, index) != Pte.NONE;
    }

    private void mark(PageTable table, long[] leaf, long start, long end, Choice choice) {
        int first = table.indexOf(start);
        int behind = table.indexOf(end);
        int last = behind == 0 ? table.entries() : behind;
        long pageSize = 1L << table.pageShift();
        Leaf.lock(leaf);
        try {
            if (Leaf.isDead(leaf)) {
                return;
            }
            // Also if nothing is taken: who has taken it before may not have come to his flush.
            gather.owe(table, leaf, start, end, MmuNotifier.Reason.DISCARDED);
            for (int i = first; i < last; i++) {
                take(leaf, i, start + (i - first) * pageSize, choice);
            }
        } finally {
            Leaf.unlock(leaf);
        }
    }

    private void take(long[] leaf, int index, long address, Choice choice) {
        long pte = Leaf.get(leaf, index);
        while (Pte.isPresent(pte) || Pte.isInTransit(pte)) {
            if (!choice.takes(pte, address)) {
                return;
            }
            if (Pte.isInTransit(pte) && Pte.owner(pte) == worker().owner()) {
                return;
            }
            long mark = Pte.inTransit(pte, worker().owner(), false) | (left == Pte.GUARD ? Pte.GUARD : 0);
            // What is marked must be noted, so room for it comes first.
            makeRoom();
            if (Pte.has(pte, Pte.TRANSIT | Pte.COPY)) {
                // Who copies it still reads it.
                gather.owe();
            }
            if (Pte.has(pte, Pte.PRESENT | Pte.DIRTY) && Pte.isCached(pte)) {
                // While the entry is present under the lock, its page is in the cache; marked, it may leave that.
                memory.frames().setDirty(Pte.frame(pte));
            }
            if (Leaf.compareAndSet(leaf, index, pte, mark)) {
                note(leaf, index, mark);
                return;
            }
            pte = Leaf.get(leaf, index);
        }
    }

    private void noteWhole(PageTable table, long address) {
        if (wholesOf != table) {
            unhookWholes();
            wholesOf = table;
        }
        if (wholesSize == wholes.length) {
            wholes = Arrays.copyOf(wholes, Math.max(16, 2 * wholesSize));
        }
        wholes[wholesSize++] = address;
    }

    /** Those that are not empty stay. */
    private void unhookWholes() {
        PageTable of = wholesOf;
        while (of != null && wholesSize > 0) {
            of.unhookIfEmpty(wholes[--wholesSize]);
        }
    }

    private void makeRoom() {
        if (size == marks.length) {
            long[] more = Arrays.copyOf(marks, 2 * size);
            indexes = Arrays.copyOf(indexes, 2 * size);
            leaves = Arrays.copyOf(leaves, 2 * size);
            marks = more;
        }
        gather.makeRoom(size + 1);
    }

    private void note(long[] leaf, int index, long mark) {
        leaves[size] = leaf;
        indexes[size] = index;
        marks[size++] = mark;
    }

    /** Ends the batch: after this, its entries are empty, and its pages free. */
    private void finish() {
        gather.invalidate();
        for (int i = 0; i < size; i++) {
            // Whoever was the first to mark the entry may have wanted a guard.
            if (Leaf.compareAndSet(leaves[i], indexes[i], marks[i], marks[i] & Pte.GUARD)) {
                gather.take(marks[i]);
            }
        }
        Arrays.fill(leaves, 0, size, null);
        size = 0;
        memory.owners().leave(worker().owner());
        unhookWholes();
        // Nobody could reach these pages since the invalidation above: their entries said so all the time.
        gather.freeInvalidated();
        while (droppedSize > 0) {
            memory.frames().drop(dropped[--droppedSize], gather.worker().magazine());
        }
    }

    /**
     * Has a grace period be waited for although no entry was taken.
     */
    public void owe() {
        gather.owe();
    }

    /** Ends what was begun: after this, the entries are empty, and nobody can translate to what they had. */
    public void settle() {
        finish();
    }

    /**
     * Has the caller's use of frames given up with the next {@link #settle}, or at the end, if settling fails first.
     * Nobody can find them any more, and every entry that had one has been taken.
     *
     * @param frames the frames, which the caller hands over
     * @param count how many of them
     */
    public void dropWhenSettled(int[] frames, int count) {
        dropped = frames;
        droppedSize = count;
    }

    /**
     * Ends the operation, as {@link #settle} does. If that fails, this throws, and the operation that has lent its
     * gather, or else a thread of the machine, tries again until the entries are empty: until then faults wait for
     * them, and nobody else works with the number that the entries name.
     */
    @Override
    public void close() {
        try {
            finish();
        } catch (Throwable failed) {
            if (isLent) {
                gather.leave(this);
            } else {
                memory.rcu().callAfterAnyway(this::finishLater);
            }
            throw failed;
        }
        if (!isLent) {
            gather.close();
        }
    }

    /** Caller of {@link #close} was told of the first failure; those that follow have no other cause. */
    private void finishLater() {
        long pause = SHORTEST_PAUSE;
        while (!isFinished()) {
            LockSupport.parkNanos(this, pause);
            pause = Math.min(2 * pause, LONGEST_PAUSE);
        }
        gather.close();
    }

    private boolean isFinished() {
        try {
            finish();
            return true;
        } catch (Throwable again) {
            return false;
        }
    }
}
