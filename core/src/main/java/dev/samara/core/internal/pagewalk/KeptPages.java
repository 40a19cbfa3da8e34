// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.pagewalk;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.page.CheckpointLog;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.tlb.TlbGather;
import org.jspecify.annotations.Nullable;

/**
 * Takes the frames that the open checkpoints of a space keep, while the threads of the space run: all of them for a
 * reap, or those of droppable pages when no frame is free. The records stay, and say that their pages were empty. Used
 * by one thread at a time, which holds the page table.
 */
public final class KeptPages {
    /*
     * Notes.
     *
     * 1. The frame of a record belongs to the record, unless the entry of the page is busy, and refers to it, too
     *    (CheckpointLog, step 2). A thread that removes such an entry asks the log under the same hold of the lock of
     *    the leaf. So under that lock, and if the entry is not busy, nothing else refers to the frame. An entry in a
     *    leaf that is dead or was unhooked is empty, and stays so.
     *
     * 2. The thread that removed the page from its entry may not have flushed yet. Then its flush is pending at the
     *    leaf, which stays in the table, and this walk flushes the page, too. A thread that copies a page flushes it
     *    first.
     *
     * 3. Sections read the records of a log in several steps, e.g. to put an entry back. So the log is asked under its
     *    own lock whether there is a section (CheckpointLog.takeFrame). A section begins before it reads a record.
     *
     * 4. A record may be moved to the log of an older checkpoint in the meantime. The walk visits that log later.
     */

    private final PageTable table;
    private final boolean isForDrop;

    /** The log that is walked; null at the end. */
    private @Nullable CheckpointLog log;

    /** The place in the log where the walk goes on. */
    private int place;

    private int count;
    private boolean isIncomplete;

    /**
     * Prepares a walk.
     *
     * @param isForDrop whether to take only the frames of droppable pages
     */
    public KeptPages(PageTable table, boolean isForDrop) {
        this.table = table;
        this.isForDrop = isForDrop;
    }

    /** Starts the walk over all logs. */
    public void begin() {
        log = table.log();
        place = 0;
        count = 0;
        isIncomplete = false;
    }

    /** Returns the number of frames that were taken since {@link #begin}. */
    public int count() {
        return count;
    }

    /** Returns whether a frame was left because of a busy entry or a section. */
    public boolean isIncomplete() {
        return isIncomplete;
    }

    /**
     * Takes frames until the gather is full. Does not wait.
     *
     * @param gather gets the frames; the caller invalidates and frees them
     * @return whether the walk has ended; otherwise the caller calls this again
     */
    public boolean takeUntilFull(TlbGather gather) {
        for (CheckpointLog of = log; of != null; of = log) {
            for (int at = nextFrame(of); at >= 0; at = nextFrame(of)) {
                if (gather.isFull() || gather.tryEnsureCapacity(1) == 0) {
                    return false;
                }
                place = at + 1;
                take(of, of.page(at), gather);
            }
            of.endIfEmptied();
            log = of.older;
            place = 0;
        }
        return true;
    }

    private int nextFrame(CheckpointLog of) {
        return isForDrop && !of.hasDroppable() ? -1 : of.nextFrame(place);
    }

    private void take(CheckpointLog of, long page, TlbGather gather) {
        long address = page << table.pageShift;
        if (page == CheckpointLog.NO_PAGE || (isForDrop && !of.isDroppable(address))) {
            return;
        }
        long[] leaf = table.leaf(address);
        if (leaf == null) {
            takeFrame(of, page, gather);
            return;
        }
        Leaf.lock(leaf);
        try {
            if (Leaf.isDead(leaf)) {
                takeFrame(of, page, gather);
            } else if (Pte.isBusy(Leaf.get(leaf, table.indexOf(address)))) {
                isIncomplete = true;
            } else {
                long end = address + (1L << table.pageShift);
                gather.deferIfPending(table, leaf, address, end, MmuNotifier.Reason.WRITE_PROTECTED);
                takeFrame(of, page, gather);
            }
        } finally {
            Leaf.unlock(leaf);
        }
    }

    private void takeFrame(CheckpointLog of, long page, TlbGather gather) {
        long entry = of.takeFrame(table, page);
        if (entry == CheckpointLog.NO_RECORD) {
            isIncomplete = true;
        } else if (Pte.isOwn(entry)) {
            gather.take(entry);
            count++;
            if (of.needsGracePeriod()) {
                gather.needGracePeriod();
            }
        }
    }
}
