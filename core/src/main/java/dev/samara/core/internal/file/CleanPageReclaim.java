// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.PageCaches;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.DiscardPages;
import dev.samara.core.internal.sync.StackReserve;

/**
 * Reclaims pages of one file that turn out to be clean, unpinned and unmapped ({@code shrink_folio_list}).
 *
 * <p>A batch is checked twice. The first check runs without the content lock, and may dismiss most of the batch. The
 * second check runs after the pages were removed from the index, when no thread can map them any more. {@link
 * ReclaimCandidates} decides on each page.
 */
final class CleanPageReclaim {
    private final MachineMemory memory;
    private final FilePages.CachedPages cached;
    private final ReverseMap mappings;
    private final Removals removals;

    CleanPageReclaim(MachineMemory memory, FilePages.CachedPages cached, ReverseMap mappings, Removals removals) {
        this.memory = memory;
        this.cached = cached;
        this.mappings = mappings;
        this.removals = removals;
    }

    /**
     * Returns whether another thread is changing the size or removing pages. The result may be outdated when this
     * returns.
     */
    boolean isChangedByAnother() {
        return removals.isOfAnother();
    }

    /**
     * Frees pages of a batch. If another thread is changing the file, frees none. The caller may wait for CPUs and for
     * a grace period.
     *
     * @return the number of pages that were freed; {@link PageCaches#BUSY} if another thread changes the file
     */
    int run(ReclaimCandidates batch) {
        if (batch.isEmpty()) {
            return removals.isOfAnother() ? PageCaches.BUSY : 0;
        }
        StackReserve.check(Removals.DEPTH);
        if (!removals.tryLock()) {
            return PageCaches.BUSY;
        }
        try {
            if (removals.unfinished() != null) {
                return resume();
            }
            mappings.visit(batch.first(), batch.last(), batch);
            batch.dismiss();
            if (batch.isEmpty()) {
                return 0;
            }
            try (DiscardPages discarding = DiscardPages.orNull(memory, Pte.NONE)) {
                return discarding == null ? 0 : reclaim(batch, discarding);
            }
        } finally {
            removals.release();
        }
    }

    /** Resumes the unfinished removal. Returns the number of freed frames. The caller holds the inode lock. */
    private int resume() {
        Removal removal = removals.unfinished();
        try (DiscardPages discarding = DiscardPages.orNull(memory, Pte.NONE)) {
            if (removal == null || discarding == null) {
                return 0;
            }
            int count = removal.count();
            removals.resume(discarding);
            return count;
        }
    }

    /** The caller holds the inode lock, and no removal is unfinished. */
    private int reclaim(ReclaimCandidates batch, DiscardPages discarding) {
        PageIndex index = cached.index;
        Removal removal = new Removal(batch.first(), batch.last(), false, batch.size());
        // The lock prevents the insertion of other frames for these pages until it is known which pages stay.
        cached.content.lock();
        try {
            batch.leaveOutGone(index);
            if (batch.isEmpty()) {
                return 0;
            }
            cached.beginRemoval();
            try {
                batch.takeOut(index, () -> mappings.visit(removal.first(), removal.last(), batch));
                batch.addTo(removal);
                if (!removal.isEmpty()) {
                    removals.begin(removal);
                }
            } finally {
                cached.endRemoval();
            }
            index.prune(removal.first(), removal.last());
        } finally {
            cached.content.unlock();
        }
        int count = removal.count();
        removals.resume(discarding);
        return count;
    }
}
