// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.pagewalk;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.PageWalk.VmaLookup;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Gate.WaitReporter;
import dev.samara.core.internal.sync.Rcu;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.internal.tlb.TlbGather.HeldTables;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmaFlags;
import java.util.Arrays;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Reports the pages of a range that were written or accessed since the last scan ({@code PAGEMAP_SCAN}, KVM's dirty
 * log).
 *
 * <p>It handles entries in batches. For each batch, it first clears the bit. Then it flushes all CPUs, so no CPU stores
 * any longer through an older translation, which would not set the bit. Only then does it call the sink, which
 * therefore sees all of these stores in the page. If the sink throws, the bit is set again for the pages that the sink
 * did not receive.
 *
 * <p>Acquires only the lock of one leaf at a time. Not thread-safe.
 */
public final class DirtyScan {
    /**
     * A batch ends at the end of the leaf in which it reaches this number of pages; it is then flushed and reported.
     */
    private static final int BATCH = 1 << 12;

    /** The stack that a batch and its flush need, in stack frames. */
    private static final int DEPTH = 12;

    private final MachineMemory memory;
    private final PageTable table;
    private final PageWalk walk;
    private final VmaLookup vmas;
    private final WaitReporter reporter;

    /** {@link Pte#DIRTY} or {@link Pte#ACCESSED}. */
    private final long bit;

    /** A page is reported if its entry has one of these bits; all of them are cleared. */
    private final long marks;

    private long[] pages = new long[64];
    private int size;

    /**
     * Creates a scan.
     *
     * @param vmas the VMAs of the space
     * @param reporter is notified of a long wait for a page that is being copied
     * @param bit {@link Pte#DIRTY} or {@link Pte#ACCESSED}
     */
    public DirtyScan(MachineMemory memory, PageTable table, VmaLookup vmas, WaitReporter reporter, long bit) {
        this.memory = memory;
        this.table = table;
        this.vmas = vmas;
        this.reporter = reporter;
        this.bit = bit;
        marks = bit == Pte.DIRTY ? Pte.DIRTY | Pte.SOFT_DIRTY : bit;
        walk = new PageWalk(table);
    }

    /**
     * Clears the bit in the entries of a range and reports the pages that had it.
     *
     * @param start the first address
     * @param end the end of the range, exclusive
     * @param sink receives the pages, in ascending order
     * @return the number of reported pages
     */
    public long run(long start, long end, LongConsumer sink) {
        // A stack overflow within a flush would leave the flush pending, so the leaf could never be unhooked.
        StackReserve.check(StackReserve.around(HeldTables.DEPTH, DEPTH));
        HeldTables held = new HeldTables();
        if (!held.hold(table)) {
            return 0;
        }
        try {
            long done = 0;
            long at = start;
            while (Addresses.isBelow(at, end)) {
                size = 0;
                int told = 0;
                try {
                    at = clearAndFlush(at, end);
                    while (told < size) {
                        sink.accept(pages[told]);
                        told++;
                    }
                } finally {
                    for (int i = told; i < size; i++) {
                        restore(pages[i]);
                    }
                }
                done += told;
            }
            return done;
        } finally {
            held.release();
        }
    }

    /**
     * Clears and flushes a batch; returns the address that it reached. In the meantime, a checked machine accepts
     * stores through old translations.
     */
    @SuppressWarnings("try") // the resource is only closed
    private long clearAndFlush(long start, long end) {
        try (AccessChecker.Revocation revocation = AccessChecker.beginIfChecked(
                        memory.accessChecker, "a collection", AccessChecker.MARK, table.number(), start, end);
                TlbGather gather = new TlbGather(memory)) {
            long reached = clear(start, end, gather);
            gather.checkHeld();
            return reached;
        }
    }

    /** Clears a batch; returns the address that it reached. */
    private long clear(long start, long end, TlbGather gather) {
        walk.over(start, end);
        while (size < BATCH && !gather.isFull() && walk.next()) {
            long reached = clearLeaf(gather);
            if (reached != walk.end()) {
                walk.over(reached, end);
            }
        }
        // Skips addresses without a leaf, so that no further batch starts for them.
        return table.nextLeaf(walk.end(), end);
    }

    /**
     * Clears entries of one leaf up to a page that is being copied, and waits for the copy; returns the address that it
     * reached.
     */
    private long clearLeaf(TlbGather gather) {
        ensureCapacity();
        long[] leaf = walk.leaf();
        int end = walk.endIndex();
        int at = walk.first();
        long copied = Pte.NONE;
        Rcu.Reader reader = gather.context().reader;
        // A cached frame of an entry is not freed before this reader section ends, even if the entry is moved
        // concurrently.
        reader.readLock();
        Leaf.lock(leaf);
        try {
            if (Leaf.isDead(leaf)) {
                return walk.end();
            }
            // A thread that cleared a page earlier may not have flushed yet.
            boolean isDeferred =
                    gather.deferIfPending(table, leaf, walk.start(), walk.end(), MmuNotifier.Reason.OBSERVED);
            for (at = Leaf.nextFilled(leaf, at, end); at < end; at = Leaf.nextFilled(leaf, at + 1, end)) {
                long pte = Leaf.get(leaf, at);
                if (!isDeferred && isMarked(pte)) {
                    gather.deferFlush(table, leaf, walk.addressOf(at), MmuNotifier.Reason.OBSERVED);
                }
                if (isMarked(pte)) {
                    pte = clear(leaf, at, pte, walk.addressOf(at));
                }
                if (isCopied(pte)) {
                    copied = pte;
                    break;
                }
            }
        } finally {
            Leaf.unlock(leaf);
            reader.readUnlock();
        }
        if (copied != Pte.NONE) {
            memory.contexts.await(leaf, at, copied, reporter);
        }
        return walk.addressOf(at);
    }

    /** Clears a marked entry and records its page; returns its last value. */
    private long clear(long[] leaf, int index, long marked, long address) {
        long pte = marked;
        while (isMarked(pte)) {
            if (bit == Pte.DIRTY && Pte.has(pte, Pte.DIRTY) && Pte.isCached(pte)) {
                // Set before the entry becomes clean; redundant if the entry changes concurrently.
                memory.frames.setDirty(Pte.frame(pte));
            }
            if (Leaf.narrow(leaf, index, pte, pte & ~marks)) {
                pages[size++] = address;
                return pte;
            }
            pte = Leaf.get(leaf, index);
        }
        return pte;
    }

    private boolean isMarked(long pte) {
        return Pte.isPresent(pte) && (pte & marks) != 0;
    }

    /**
     * Returns whether the page of the entry is being copied; the entry soon becomes present again, with the bit. The
     * scan does not wait for a removal of the page, because the written data is lost with the page.
     */
    private boolean isCopied(long pte) {
        return Pte.has(pte, Pte.BUSY | Pte.COPY | bit);
    }

    private void ensureCapacity() {
        if (pages.length - size < table.entries) {
            pages = Arrays.copyOf(pages, Math.max(2 * size, size + table.entries));
        }
    }

    /** Sets the bit again if the page is still mapped there. A moved page counts as written and accessed anyway. */
    private void restore(long address) {
        long[] leaf = table.leaf(address);
        if (leaf == null) {
            return;
        }
        int index = table.indexOf(address);
        for (; ; ) {
            long pte = Leaf.get(leaf, index);
            if (Pte.has(pte, Pte.BUSY | Pte.COPY)) {
                memory.contexts.await(leaf, index, pte, reporter);
            } else if (!Pte.isPresent(pte)
                    || (bit == Pte.DIRTY && !mayBeDirty(vmas.find(address), pte))
                    || Leaf.widen(leaf, index, pte, pte | (bit == Pte.DIRTY ? written(pte) : bit))) {
                return;
            }
        }
    }

    /**
     * Returns the entry for the target of a move. It counts as written and accessed, because no scan reported the page
     * at that address yet.
     *
     * @param vma the VMA at the target
     * @param pte any entry
     * @return the entry to store
     */
    public static long moved(VmArea vma, long pte) {
        if (!Pte.isPresent(pte)) {
            return pte;
        }
        return pte | Pte.ACCESSED | (mayBeDirty(vma, pte) ? written(pte) : 0);
    }

    /** Returns the mark of a page that a scan must report although its file need not save it. */
    private static long written(long pte) {
        return Pte.isCached(pte) ? Pte.SOFT_DIRTY : Pte.DIRTY;
    }

    /**
     * Returns whether a page may have been written through its entry. A file's page can be written only through a
     * mapping whose writes reach the file.
     */
    private static boolean mayBeDirty(@Nullable VmArea vma, long pte) {
        return Pte.isOwn(pte)
                || (!Pte.has(pte, Pte.ZERO) && vma != null && vma.has(VmaFlags.SHARED | VmaFlags.MAYWRITE));
    }
}
