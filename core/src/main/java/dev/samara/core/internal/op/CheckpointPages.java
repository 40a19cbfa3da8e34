// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.image.ImageFormat.Ranges;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.CheckpointLog;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.PageWalk;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.maple.Snapshot;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The private pages of a space as they were at a checkpoint, read while the threads of the space run. Used by one
 * thread.
 */
public final class CheckpointPages implements AutoCloseable {
    /*
     * Notes.
     *
     * 1. What a page was. The first change of a page after the checkpoint is recorded in the log that is the youngest
     *    at that time. So the entry of the page at the checkpoint is in the oldest log with a record, from the log of
     *    the checkpoint to the youngest; or, if none has one, it is the present entry. A record is added under the lock
     *    of the page's leaf before the entry changes, and nobody stores to a page without a record that the checkpoint
     *    had mapped. So under that lock the logs and the entry agree, and the frame of the entry is not freed. The
     *    frame of a record stays the record's under the lock of its log (CheckpointLog.pin). The frame is pinned with
     *    the lock held, and read without it, because the store of frames may be the embedder's. Nobody stores to it
     *    meanwhile, unless the checkpoint ends (4): a store to a page without a record makes a copy.
     *
     * 2. Closes of younger checkpoints move records to the next older log while this reads. The logs are read from the
     *    youngest to the oldest, so a record that moves is found in one of the two. If it has left the log before its
     *    frame is pinned, the logs are read again.
     *
     * 3. Which pages there were. A page with content at the checkpoint either still has its entry when the leaf is
     *    visited, under its lock, or its record was added before. So the pages that the walk found, and then those of
     *    the logs, are all of them (present, recorded).
     *
     * 4. Restores remove records, and the close of this checkpoint removes all. This does not keep other threads from
     *    them, since a save may take long: it notices them. A restore counts itself in the log of its checkpoint and in
     *    the older ones before it removes a record. The count at the beginning and at the end is read while no cut is
     *    under way, so a restore or a close that overlaps in any part is found (check), and what was read is of no use.
     *    The same holds for pages that were lost, and a reap.
     *
     * 5. Between two checkpoints. The pages that changed are those of the logs from the older checkpoint to the one
     *    before this: each later record is in a younger log. Records of these logs move to older ones only.
     */

    /** A value of {@link #read}: the page was none of the space's own. */
    public static final int NONE = 0;

    /** A value of {@link #read}: a private page. */
    public static final int OWN = 1;

    /** A value of {@link #read}: a guard marker. */
    public static final int GUARD = 2;

    private final SpaceCheckpoint checkpoint;
    private final @Nullable SpaceCheckpoint since;
    private final Layout layout;
    private final MachineMemory memory;
    private final PageTable table;
    private final PageWalk walk;
    private final long restores;
    private final Snapshot<VmArea> vmas;
    private final @Nullable Snapshot<VmArea> vmasSince;

    private CheckpointPages(SpaceCheckpoint checkpoint, @Nullable SpaceCheckpoint since) {
        this.checkpoint = checkpoint;
        this.since = since;
        layout = checkpoint.layout;
        memory = layout.memory();
        table = layout.pages();
        walk = new PageWalk(table);
        restores = check();
        vmas = checkpoint.opens.vmas();
        vmasSince = since == null ? null : since.opens.vmas();
    }

    /**
     * Begins to read. The space is not torn down until the {@link #close}. The thread may wait.
     *
     * @param since an older checkpoint, for {@link #changed}; null if that is not called
     * @throws IllegalArgumentException if that is not an older checkpoint of the space
     * @throws IllegalStateException if a checkpoint is closed, or lost a page
     * @throws dev.samara.core.mman.MmException with ESRCH if the space is closed; with ENOMEM if it was reaped
     */
    public static CheckpointPages begin(SpaceCheckpoint checkpoint, @Nullable SpaceCheckpoint since) {
        StackReserve.check(StackReserve.MANY);
        Layout layout = checkpoint.layout;
        if (since != null && (since.layout != layout || since.number() >= checkpoint.number())) {
            throw new IllegalArgumentException("the base is not an older checkpoint of the space");
        }
        SpaceCheckpoint.hold(layout, "save");
        CheckpointPages begun = null;
        try {
            begun = new CheckpointPages(checkpoint, since);
            return begun;
        } finally {
            if (begun == null) {
                layout.lifetime.put();
            }
        }
    }

    /** Checks that the checkpoints are open and have lost no page; returns the number of restores. */
    private long check() {
        try (Cut.Instant instant = new Cut.Instant(layout, "a save")) {
            instant.await();
            layout.checkNotClosed("save");
            checkpoint.checkStable("save");
            checkpoint.checkOpen();
            if (since != null) {
                since.checkOpen();
            }
            CheckpointLog last = since == null ? checkpoint.log : since.log;
            for (CheckpointLog each = table.log(); each != null; each = each == last ? null : each.older) {
                SpaceCheckpoint.checkNotLost(each);
            }
            return checkpoint.log.restores();
        }
    }

    /**
     * Checks that what was read is that of the checkpoint.
     *
     * @throws IllegalStateException if a checkpoint was closed, or this one was restored, or an older one, since the
     *     begin; or if a page was lost
     */
    public void end() {
        if (check() != restores) {
            throw new IllegalStateException("the space was restored during the save");
        }
    }

    /** Returns the VMAs of the checkpoint. */
    public Snapshot<VmArea> vmas() {
        return vmas;
    }

    /** Returns the VMAs of the older checkpoint; null if there is none. */
    public @Nullable Snapshot<VmArea> vmasSince() {
        return vmasSince;
    }

    /** Adds the pages of a range, which lies above those before, that have an entry of the space's own or a guard. */
    public void present(long start, long end, Ranges into) {
        walk.over(start, end);
        while (walk.next()) {
            long[] leaf = walk.leaf();
            Leaf.lock(leaf);
            try {
                int last = Leaf.isDead(leaf) ? walk.first() : walk.endIndex();
                for (int i = Leaf.nextFilled(leaf, walk.first(), last);
                        i < last;
                        i = Leaf.nextFilled(leaf, i + 1, last)) {
                    long pte = Leaf.get(leaf, i);
                    if (!Pte.isPresent(pte) || Pte.isOwn(pte)) {
                        into.add(walk.addressOf(i), walk.addressOf(i + 1));
                    }
                }
            } finally {
                Leaf.unlock(leaf);
            }
        }
    }

    /** Returns the pages that have changed since the checkpoint. Called after {@link #present}. */
    public Ranges recorded() {
        return pagesOf(table.log(), checkpoint.log);
    }

    /** Returns the pages that may have changed between the two checkpoints, where both had mapped them. */
    public Ranges changed() {
        return since == null ? new Ranges() : pagesOf(checkpoint.log.older, since.log);
    }

    private Ranges pagesOf(@Nullable CheckpointLog youngest, CheckpointLog oldest) {
        long[] pages = {};
        for (CheckpointLog each = youngest; each != null; each = each == oldest ? null : each.older) {
            long[] more = each.pages();
            int count = pages.length;
            pages = count == 0 ? more : Arrays.copyOf(pages, count + more.length);
            if (count != 0) {
                System.arraycopy(more, 0, pages, count, more.length);
            }
        }
        if (youngest != oldest) {
            Arrays.sort(pages);
        }
        Ranges ranges = new Ranges();
        for (int i = 0; i < pages.length; i++) {
            if (i == 0 || pages[i] != pages[i - 1]) {
                ranges.add(pages[i] << table.pageShift, (pages[i] + 1) << table.pageShift);
            }
        }
        return ranges;
    }

    /**
     * Reads a page of a VMA of the checkpoint.
     *
     * @param target gets the bytes of a private page, from its position on, which stays
     * @return {@link #NONE}, {@link #OWN} or {@link #GUARD}
     */
    public int read(long address, ByteBuffer target) {
        int index = table.indexOf(address);
        while (true) {
            long[] leaf = table.leaf(address);
            long record = leaf == null ? pinRecorded(address) : pinLocked(leaf, index, address);
            long entry = record == CheckpointLog.NO_RECORD ? Pte.NONE : record;
            if (leaf != null && Pte.isBusy(entry)) {
                memory.contexts.await(leaf, index, entry, layout.host.busyEntryReporter);
            } else if (Pte.isOwn(entry)) {
                int frame = Pte.frame(entry);
                try {
                    memory.frames.store.read(frame, 0, target, target.position(), memory.frames.pageSize);
                } finally {
                    memory.frames.unpin(frame);
                }
                return OWN;
            } else {
                return entry == Pte.GUARD ? GUARD : NONE;
            }
        }
    }

    /** Returns the entry of a page at the checkpoint, whose frame is pinned if it is private; or a busy entry. */
    private long pinLocked(long[] leaf, int index, long address) {
        Leaf.lock(leaf);
        try {
            long record = pinRecorded(address);
            if (record != CheckpointLog.NO_RECORD) {
                return record;
            }
            long entry = Leaf.isDead(leaf) ? Pte.NONE : Leaf.get(leaf, index);
            if (Pte.isPresent(entry) && Pte.isOwn(entry) && !memory.frames.pin(Pte.frame(entry))) {
                throw new MmException("save", Errno.EAGAIN);
            }
            return entry;
        } finally {
            Leaf.unlock(leaf);
        }
    }

    /**
     * Returns the oldest record of a page, from the log of the checkpoint on, whose frame is pinned if it is a private
     * page; NO_RECORD if there is none.
     */
    private long pinRecorded(long address) {
        long page = address >>> table.pageShift;
        CheckpointLog oldest;
        long pinned = CheckpointLog.NO_RECORD;
        do {
            oldest = null;
            CheckpointLog each = table.log();
            while (each != null) {
                oldest = each.get(page) == CheckpointLog.NO_RECORD ? oldest : each;
                each = each == checkpoint.log ? null : each.older;
            }
            pinned = oldest == null ? pinned : oldest.pin(page, memory.frames);
        } while (oldest != null && pinned == CheckpointLog.NO_RECORD);
        return pinned;
    }

    /** Ends the reading. */
    @Override
    public void close() {
        layout.lifetime.put();
    }
}
