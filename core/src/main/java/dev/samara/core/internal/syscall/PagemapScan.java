// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.event.PageSink;
import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.Retirement;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.RcuReader;
import dev.samara.core.internal.tlb.Memory;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The pages that were written or accessed since the last scan ({@code PAGEMAP_SCAN}, KVM's dirty log). Not an
 * operation: it takes no lock but one leaf's at a time, and puts no range in flight.
 *
 * <p>It handles entries in batches. First the bit is cleared. Then all CPUs are flushed, so that every store through an
 * older translation, which did not set the bit, has been made. Only then the sink is called: it finds all of these
 * stores in the page. If the sink throws, the pages that it did not receive get their bit back.
 */
public final class PagemapScan {
    /** The number of pages after which a batch ends, at the end of its leaf, to be flushed and reported. */
    private static final int BATCH = 1 << 12;

    private final Layout layout;
    private final PageTable table;
    private final Memory memory;
    private final long pageSize;

    /** {@link Pte#DIRTY} or {@link Pte#ACCESSED}. */
    private final long bit;

    private long[] pages = new long[64];
    private int size;

    private PagemapScan(Layout layout, long bit) {
        this.layout = layout;
        this.bit = bit;
        table = layout.pages();
        memory = layout.memory();
        pageSize = layout.geometry().pageSize();
    }

    /**
     * Clears a bit in the entries of a range and reports the pages that had it.
     *
     * @param layout a layout with memory
     * @param start a page boundary
     * @param length bytes, rounded up to pages
     * @param bit {@link Pte#DIRTY} or {@link Pte#ACCESSED}
     * @param sink receives the pages, in ascending order
     * @return the number of reported pages, or a negated errno
     */
    public static long collect(Layout layout, long start, long length, long bit, PageSink sink) {
        Cpus.checkMayWait("a collection");
        Geometry geometry = layout.geometry();
        if (!geometry.isAligned(start)) {
            return Errno.EINVAL.result();
        }
        if (Long.compareUnsigned(start, geometry.limit()) > 0
                || Long.compareUnsigned(length, geometry.limit() - start) > 0) {
            return Errno.EFAULT.result();
        }
        return new PagemapScan(layout, bit).run(start, start + geometry.roundUp(length), sink);
    }

    private long run(long start, long end, PageSink sink) {
        long done = 0;
        long at = start;
        while (Long.compareUnsigned(at, end) < 0) {
            size = 0;
            int told = 0;
            try {
                at = clearAndFlush(at, end);
                while (told < size) {
                    sink.page(pages[told]);
                    told++;
                }
            } finally {
                for (int i = told; i < size; i++) {
                    giveBack(pages[i]);
                }
            }
            done += told;
        }
        return done;
    }

    /**
     * Clears and flushes a batch; returns the address it has reached. A checked machine accepts stores through old
     * translations meanwhile.
     */
    @SuppressWarnings("try") // it is there to be closed
    private long clearAndFlush(long start, long end) {
        try (AccessChecker.Revocation taking = AccessChecker.taking(
                        memory.oracle(), "a collection", AccessChecker.MARK, table.number(), start, end);
                TlbGather gather = new TlbGather(memory)) {
            return clear(start, end, gather);
        }
    }

    /** Clears a batch; returns the address it has reached. */
    private long clear(long start, long end, TlbGather gather) {
        long at = table.nextLeaf(start, end);
        while (Long.compareUnsigned(at, end) < 0 && size < BATCH && !gather.isFull()) {
            long stop = Edit.lower(table.leafEnd(at), end);
            long[] leaf = table.leaf(at);
            long reached = leaf == null ? stop : clear(leaf, at, stop, gather);
            at = reached == stop ? table.nextLeaf(stop, end) : reached;
        }
        return at;
    }

    /**
     * Clears entries of one leaf up to a page that is being copied, and waits for the copy; returns the address it has
     * reached.
     */
    private long clear(long[] leaf, long start, long end, TlbGather gather) {
        makeRoom();
        long copied = Pte.NONE;
        long at;
        RcuReader reader = gather.worker().reader();
        // A cached frame of an entry is not freed before this ends, also if the entry is moved meanwhile.
        reader.enter();
        Leaf.lock(leaf);
        try {
            at = deferFlush(leaf, start, end, gather);
            for (; Long.compareUnsigned(at, end) < 0; at += pageSize) {
                long pte = clear(leaf, at);
                if (isCopied(pte)) {
                    copied = pte;
                    break;
                }
            }
        } finally {
            Leaf.unlock(leaf);
            reader.exit();
        }
        if (copied != Pte.NONE) {
            Retirement.awaitOwner(memory, layout, leaf, table.indexOf(at), copied);
        }
        return at;
    }

    /** Defers the flush from the first page to be cleared on; returns its address, or {@code end} if there is none. */
    private long deferFlush(long[] leaf, long start, long end, TlbGather gather) {
        if (Leaf.isDead(leaf)) {
            return end;
        }
        long first = end;
        for (long at = start; first == end && Long.compareUnsigned(at, end) < 0; at += pageSize) {
            long pte = Leaf.get(leaf, table.indexOf(at));
            if ((Pte.isPresent(pte) && Pte.has(pte, bit)) || isCopied(pte)) {
                first = at;
            }
        }
        // Also if another flush is pending: a thread that cleared a page earlier may not have flushed yet.
        if (Leaf.hasPendingFlush(leaf)) {
            gather.deferFlush(table, leaf, start, end, MmuNotifier.Reason.OBSERVED);
        } else if (first != end) {
            gather.deferFlush(table, leaf, first, end, MmuNotifier.Reason.OBSERVED);
        }
        return first;
    }

    /** Clears one entry and records its page; returns its last value. */
    private long clear(long[] leaf, long address) {
        int index = table.indexOf(address);
        long pte = Leaf.get(leaf, index);
        while (Pte.isPresent(pte) && Pte.has(pte, bit)) {
            if (bit == Pte.DIRTY && Pte.isCached(pte)) {
                // Before the entry becomes clean; may be redundant if the entry changes meanwhile.
                memory.frames().setDirty(Pte.frame(pte));
            }
            if (Leaf.compareAndSet(leaf, index, pte, pte & ~bit)) {
                pages[size++] = address;
                return pte;
            }
            pte = Leaf.get(leaf, index);
        }
        return pte;
    }

    /**
     * Returns whether the entry is a copy in progress, which soon returns with the bit. The scan does not wait for a
     * removal of the page: the written data is lost with it.
     */
    private boolean isCopied(long pte) {
        return Pte.isBusy(pte) && Pte.has(pte, Pte.COPY | bit);
    }

    private void makeRoom() {
        if (pages.length - size < table.entries()) {
            pages = Arrays.copyOf(pages, Math.max(2 * size, size + table.entries()));
        }
    }

    /** Sets the bit again if the page is still there. A moved page counts as written and accessed anyway. */
    private void giveBack(long address) {
        long[] leaf = table.leaf(address);
        if (leaf == null) {
            return;
        }
        int index = table.indexOf(address);
        for (; ; ) {
            long pte = Leaf.get(leaf, index);
            if (Pte.has(pte, Pte.BUSY | Pte.COPY)) {
                Retirement.awaitOwner(memory, layout, leaf, index, pte);
            } else if (!Pte.isPresent(pte)
                    || (bit == Pte.DIRTY && !mayBeDirty(layout.find(address), pte))
                    || Leaf.compareAndSet(leaf, index, pte, pte | bit)) {
                return;
            }
        }
    }

    /**
     * Returns the entry for the target of a move. It counts as written and accessed, since no scan has reported the
     * page at that address.
     *
     * @param vma the VMA at the target
     * @param pte any entry
     * @return the entry to store
     */
    public static long moved(Vma vma, long pte) {
        if (!Pte.isPresent(pte)) {
            return pte;
        }
        return pte | Pte.ACCESSED | (mayBeDirty(vma, pte) ? Pte.DIRTY : 0);
    }

    /**
     * Returns whether a page may have been written through its entry. For a file's page that needs a mapping whose
     * writes reach the file.
     */
    private static boolean mayBeDirty(@Nullable Vma vma, long pte) {
        return Pte.isOwn(pte)
                || (!Pte.has(pte, Pte.ZERO) && vma != null && vma.has(VmaFlags.SHARED | VmaFlags.MAYWRITE));
    }
}
