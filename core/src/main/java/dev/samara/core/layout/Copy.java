// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import dev.samara.core.page.Frames;
import dev.samara.core.page.Memory;
import dev.samara.core.page.PageTable;
import dev.samara.core.page.Pte;
import dev.samara.core.page.Worker;
import dev.samara.core.vma.Errno;
import dev.samara.core.vma.MmException;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import dev.samara.core.wait.Gate;
import java.util.List;

/**
 * The copying of page tables for a child ({@code copy_page_range}), range by range, while the parent goes on.
 *
 * <p>It is registered under the layout lock at the instant of the fork. Who publishes later that something is unmapped, replaced or
 * moved waits for it before he touches the pages; what was in transit already never waits for it, but is waited for. So nobody
 * waits in a circle, and the pages that are copied are those of the mappings that the child has.
 */
final class Copy extends Gate {
    private final Layout parent;
    private final Memory memory;
    private final Frames frames;

    /** What was in transit at the instant. */
    private final List<Transit> earlier;

    /** A page of the parent was made read-only. */
    private boolean isOwed;

    /** Caller holds the parent's lock. */
    Copy(Layout parent, Memory memory, List<Transit> earlier) {
        this.parent = parent;
        this.memory = memory;
        this.frames = memory.frames();
        this.earlier = earlier;
    }

    /**
     * Copies what the child's VMAs have in common with the parent's. Caller holds no lock, and nobody else has the child.
     *
     * @throws MmException with ENOMEM if there is no frame left for a pinned page
     */
    void run(Layout child) {
        Worker worker = memory.borrow();
        try {
            child.snapshot().forEach((first, last, vma) -> {
                if (vma.anonIdentity() != null && !vma.hasAny(VmaFlags.WIPEONFORK | VmaFlags.SHARED)) {
                    copy(child, vma, worker);
                }
            });
        } finally {
            memory.giveBack(worker);
            if (isOwed) {
                // A store that had begun before its page was made read-only has ended after this.
                memory.rcu().synchronize();
            }
        }
    }

    private void copy(Layout child, Vma vma, Worker worker) {
        for (Transit transit : earlier) {
            if (transit.touches(vma.start(), vma.end())) {
                transit.awaitUninterruptibly(Retiring.watch(parent));
            }
        }
        PageTable from = parent.pages();
        long at = from.nextLeaf(vma.start(), vma.end());
        while (Long.compareUnsigned(at, vma.end()) < 0) {
            long stop = Edit.lower(from.leafEnd(at), vma.end());
            long[] leaf = from.leaf(at);
            long reached = at;
            while (leaf != null && Long.compareUnsigned(reached, stop) < 0) {
                reached = copy(child, vma, leaf, reached, stop, worker);
            }
            at = from.nextLeaf(stop, vma.end());
        }
    }

    /** Copies entries of one leaf, up to one that is in transit, for which it waits; returns how far it has come. */
    private long copy(Layout child, Vma vma, long[] leaf, long start, long end, Worker worker) {
        PageTable from = parent.pages();
        long pageSize = parent.geometry().pageSize();
        long[] target = null;
        long at = start;
        PageTable.lock(leaf);
        try {
            while (Long.compareUnsigned(at, end) < 0) {
                int index = from.indexOf(at);
                long pte = PageTable.get(leaf, index);
                if (Pte.isInTransit(pte)) {
                    break;
                }
                if (pte != Pte.NONE && (pte == Pte.GUARD || !Pte.isCached(pte))) {
                    if (target == null) {
                        target = child.pages().leafForInstall(at);
                    }
                    if (!copy(vma, leaf, target, index, pte, worker)) {
                        continue;
                    }
                }
                at += pageSize;
            }
        } finally {
            PageTable.unlock(leaf);
        }
        if (Long.compareUnsigned(at, end) < 0) {
            int index = from.indexOf(at);
            Retiring.awaitOwner(memory, parent, leaf, index, PageTable.get(leaf, index));
        }
        return at;
    }

    /** False if the entry has changed meanwhile. */
    private boolean copy(Vma vma, long[] leaf, long[] target, int index, long pte, Worker worker) {
        if (pte == Pte.GUARD) {
            PageTable.getAndSet(target, index, pte);
            return true;
        }
        long kept = pte & (Pte.OWN | Pte.ZERO | Pte.DIRTY | Pte.ACCESSED);
        int frame = Pte.frame(pte);
        if (Pte.isOwn(pte) && frames.isPinned(frame)) {
            int fresh = frames.allocateDirty(worker.magazine());
            if (fresh == Frames.NONE) {
                throw new MmException("fork", Errno.ENOMEM);
            }
            frames.store().copy(frame, fresh);
            long writable = vma.has(VmaFlags.WRITE) ? Pte.WRITE : 0;
            PageTable.getAndSet(
                    target, index, Pte.present(fresh, kept | Pte.EXCLUSIVE | PageRights.of(vma) | writable));
            return true;
        }
        if (Pte.isOwn(pte)) {
            frames.share(frame);
        }
        if ((pte & (Pte.WRITE | Pte.EXCLUSIVE)) != 0) {
            if (!PageTable.compareAndSet(leaf, index, pte, pte & ~(Pte.WRITE | Pte.EXCLUSIVE))) {
                if (Pte.isOwn(pte)) {
                    frames.drop(frame, worker.magazine());
                }
                return false;
            }
            isOwed = true;
        }
        // The rights of the child's VMA, whatever the parent's has become meanwhile.
        PageTable.getAndSet(target, index, Pte.present(frame, kept | PageRights.of(vma)));
        return true;
    }

    @Override
    public String toString() {
        return "a fork's copy";
    }
}
