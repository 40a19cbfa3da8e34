// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.Seals;
import dev.samara.core.internal.file.SharedAnonymous;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.LeafWalks;
import dev.samara.core.internal.pagewalk.PageWalk;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.vma.SharedSegment;
import dev.samara.core.vma.VmaFlags;
import dev.samara.maple.Snapshot;
import java.util.ArrayList;
import java.util.List;

/**
 * Copies page tables for a child ({@code copy_page_range}), range by range, while the parent continues to run.
 *
 * <p>The copy ends before any backing is asked for the child's opens, so no operation and no fault waits for a backing
 * here.
 */
public final class CopyPageTables {
    /*
     * Notes. The child gets the layout and the memory of one instant, although its pages are copied one by one, and
     * although CPUs store to them concurrently (I5, I6). Cut contains the argument; the steps of a fork are:
     *
     * 1. Fork takes a snapshot at the instant of the cut. The copy waits for those operations in flight whose ranges
     *    touch pages that the child may get.
     *
     * 2. In the section, each entry of a private page is narrowed and copied under the lock of its leaf. The copy waits
     *    for an owner of a busy entry, which claimed the entry before the section.
     *
     * 3. The flush. Until a CPU acknowledges it, its stores go to frames that the child has.
     *
     * The child gets a copy of a pinned page. Its entry is narrowed, too, and is widened again when the page has been
     * copied, after the flush.
     */

    /** The bits of which an entry loses those that it has, because its page is shared from then on. */
    private static final long WRITABLE = Pte.WRITE | Pte.EXCLUSIVE;

    /** The bits, except the rights, that an entry of the child copies from the parent's entry. */
    private static final long KEPT = Pte.OWN | Pte.ZERO | Pte.DIRTY | Pte.ACCESSED;

    /** The section of this fork. */
    public final Cut cut;

    private final Layout parent;
    private final Layout child;
    private final MachineMemory memory;
    private final Frames frames;
    private final TlbGather gather;

    private final PageWalk parentWalk;
    private final PageWalk childWalk;

    /** How many more times empty tables may be unhooked to make room for the child. */
    private int reclaims = MachineMemory.MOST_RECLAIMS;

    /** The copied private mappings of files. A file's size may change before the file knows the child's mappings. */
    private final List<OfFile> ofFiles = new ArrayList<>(0);

    /**
     * Files that the child will map writable. They count as mapped from the fork's instant until the child's own
     * mappings exist. Otherwise the parent could unmap its own mappings concurrently, and a thread that adds a seal
     * would find no mapping.
     */
    private final List<Seals> writable = new ArrayList<>(0);

    /** The pinned pages, which are copied after the flush; each is counted as mapped until then. */
    private final List<PinnedPage> pinned = new ArrayList<>(0);

    /** A pinned page, its entry in the parent before the copy, and its place in the child. */
    private static final class PinnedPage {
        private final VmArea vma;
        private final long[] leaf;
        private final long[] target;
        private final int index;
        private final long before;

        PinnedPage(VmArea vma, long[] leaf, long[] target, int index, long before) {
            this.vma = vma;
            this.leaf = leaf;
            this.target = target;
            this.index = index;
            this.before = before;
        }
    }

    /** A mapping whose copied pages belong to a file, and the file's latest truncation before the pages were copied. */
    private record OfFile(VmArea vma, FilePages file, FilePages.LoggedTruncation from) {}

    /**
     * The caller holds the parent's layout lock, and keeps a page table context in the gather until the copy is trimmed
     * or undone.
     */
    public CopyPageTables(Layout parent, Layout child, TlbGather gather, Cut cut) {
        this.parent = parent;
        this.child = child;
        this.gather = gather;
        this.memory = gather.memory;
        this.frames = memory.frames;
        this.cut = cut;
        parentWalk = new PageWalk(parent.pages());
        childWalk = new PageWalk(child.pages());
    }

    /**
     * Holds the files that the child will map writable, until {@link #endHolds}. The caller holds the parent's layout
     * lock, so each file is mapped.
     */
    public void holdWritableFiles(Snapshot<VmArea> vmas) {
        if (!memory.caches.hasSealable()) {
            return;
        }
        vmas.forEach((first, last, vma) -> {
            BackingTraits file = vma.traits;
            Seals seals = file != null && vma.has(VmaFlags.SHARED | VmaFlags.MAYWRITE) ? FilePages.sealsOf(file) : null;
            if (seals != null) {
                // Added to the list first, because a hold that is not in the list would never end.
                writable.add(seals);
                if (!seals.tryMap()) {
                    writable.remove(writable.size() - 1);
                }
            }
        });
    }

    /** Ends the holds of writable files. Needs no memory. */
    public void endHolds() {
        for (int i = 0; i < writable.size(); i++) {
            writable.get(i).unmap();
        }
    }

    /**
     * Copies the entries that the child inherits from the parent. The caller holds no lock; no other thread can reach
     * the child.
     *
     * @param vmas the parent's VMAs at the instant of the fork
     * @param objects receives the shared objects that the child will map, with a reference to each for the child
     * @param segments receives the page caches of the segments that the child will map, with a use of each for the
     *     child
     * @throws MmException with ENOMEM if there is no frame left for a pinned page, or if there is no room for another
     *     table
     * @throws IllegalStateException if it is called by a callback of the retirement of an operation in flight, and
     *     would have to wait
     */
    @SuppressWarnings("NonApiType") // a list whose capacity can grow before a use begins
    public void run(Snapshot<VmArea> vmas, List<SharedAnonymous> objects, ArrayList<FilePages> segments) {
        awaitEarlier(vmas);
        cut.stopFaults();
        try {
            vmas.forEach((first, last, vma) -> {
                if (hasPagesToCopy(vma)) {
                    copy(vma);
                }
                SharedAnonymous.grab(vma, objects);
                grabSegment(vma, segments);
            });
            // After this, no CPU can write to a page that the child shares with the parent, nor to a pinned one.
            gather.invalidate();
            for (PinnedPage page : pinned) {
                int frame = Pte.frame(page.before);
                fillWithCopy(page.vma, page.target, page.index, frame, page.before & KEPT, gather.context());
            }
        } finally {
            releasePinned();
        }
    }

    /** Lets the parent write to its pinned pages again. Allocates nothing. */
    private void releasePinned() {
        for (int i = 0; i < pinned.size(); i++) {
            PinnedPage page = pinned.get(i);
            Leaf.lock(page.leaf);
            try {
                // A fault of a callback of a retirement may have replaced the page.
                long now = Leaf.get(page.leaf, page.index);
                if (Pte.isPresent(now) && Pte.frame(now) == Pte.frame(page.before)) {
                    set(page.leaf, page.index, page.before & WRITABLE);
                }
            } finally {
                Leaf.unlock(page.leaf);
            }
            frames.drop(Pte.frame(page.before), gather.context().magazine);
        }
        pinned.clear();
    }

    /** Waits for the operations in flight whose retirements may remove pages that the child gets. */
    private void awaitEarlier(Snapshot<VmArea> vmas) {
        if (cut.earlier.isEmpty()) {
            return;
        }
        vmas.forEach((first, last, vma) -> {
            for (InFlightOperation range : cut.earlier) {
                if (mayHavePagesToCopy(vma) && range.touches(vma.start(), vma.end())) {
                    cut.await(range.gate(), range);
                }
            }
        });
    }

    /**
     * Begins a use of a segment that the child will map, because the parent may detach the segment once the copy has
     * ended.
     */
    @SuppressWarnings("NonApiType") // as above
    private static void grabSegment(VmArea vma, ArrayList<FilePages> segments) {
        FilePages file = FilePages.of(vma);
        if (file != null && vma.backing() instanceof SharedSegment.Attachment && !vma.has(VmaFlags.DONTCOPY)) {
            // Ensures the capacity first, because a use that is not in the list would never end, and would keep the
            // segment forever.
            segments.ensureCapacity(segments.size() + 1);
            if (file.beginUse()) {
                segments.add(file);
            }
        }
    }

    /**
     * Returns whether a VMA has private pages or guard markers, which only the page table records. A first private page
     * may have been installed through a VMA that replaced this one, so only an attached VMA shows that there is none.
     */
    private static boolean hasPagesToCopy(VmArea vma) {
        return mayHavePagesToCopy(vma) && (vma.has(VmaFlags.MAYBE_GUARD) || vma.anonVma() != null || vma.isDetached());
    }

    /** Returns whether a VMA has private pages or guard markers, or may get some before the section begins. */
    private static boolean mayHavePagesToCopy(VmArea vma) {
        return !vma.hasAny(VmaFlags.DONTCOPY | VmaFlags.WIPEONFORK)
                && (vma.has(VmaFlags.MAYBE_GUARD) || !vma.has(VmaFlags.SHARED));
    }

    private void copy(VmArea vma) {
        FilePages file = FilePages.of(vma);
        if (file != null && !vma.has(VmaFlags.SHARED)) {
            // The latest truncation is read before the first page.
            ofFiles.add(new OfFile(vma, file, file.lastTruncation()));
        }
        PageWalk walk = parentWalk.over(vma.start(), vma.end());
        while (walk.next()) {
            int reached = walk.first();
            while (reached < walk.endIndex()) {
                reached = copy(vma, walk, reached);
            }
        }
    }

    /**
     * Copies entries of one leaf up to a busy entry, for whose owner it waits, or up to the first entry for which the
     * child lacks a table. Returns the index that it reached.
     */
    private int copy(VmArea vma, PageWalk walk, int first) {
        long[] leaf = walk.leaf();
        int end = walk.endIndex();
        long[] target = null;
        int at = first;
        long busy = Pte.NONE;
        boolean lacksTable = false;
        Leaf.lock(leaf);
        try {
            if (Leaf.isDead(leaf)) {
                return end;
            }
            // A fork that failed may have made entries read-only, and flushes only when it gives its child's pages back
            // (undo), so CPUs may still store through older translations.
            boolean isDeferred = gather.deferIfPending(
                    walk.table(), leaf, walk.addressOf(first), walk.end(), MmuNotifier.Reason.WRITE_PROTECTED);
            for (at = Leaf.nextFilled(leaf, at, end); at < end; at = Leaf.nextFilled(leaf, at + 1, end)) {
                long pte = Leaf.get(leaf, at);
                if (Pte.isBusy(pte)) {
                    busy = pte;
                    break;
                }
                if (pte == Pte.GUARD || (Pte.isPresent(pte) && !Pte.isCached(pte))) {
                    if (target == null) {
                        target = child.pages().leafForInstall(walk.addressOf(at));
                        lacksTable = target == null;
                    }
                    if (target == null) {
                        break;
                    }
                    if (!isDeferred && (pte & WRITABLE) != 0) {
                        gather.deferFlush(walk.table(), leaf, walk.addressOf(at), MmuNotifier.Reason.WRITE_PROTECTED);
                    }
                    copy(vma, leaf, target, at, pte, gather.context());
                }
            }
        } finally {
            Leaf.unlock(leaf);
        }
        if (lacksTable && (reclaims-- == 0 || !child.spaces.reclaimTables(child))) {
            throw new MmException("fork", Errno.ENOMEM);
        }
        if (busy != Pte.NONE) {
            memory.contexts.await(leaf, at, busy, parent.host.busyEntryReporter);
        }
        return at;
    }

    /**
     * Copies one entry. The caller holds the lock of the parent's leaf, so the page stays; other threads may set
     * accessed and dirty bits concurrently.
     */
    private void copy(VmArea vma, long[] leaf, long[] target, int index, long pte, PageTableContext context) {
        if (pte == Pte.GUARD) {
            Leaf.fill(target, index, pte);
            return;
        }
        int frame = Pte.frame(pte);
        boolean isOwn = Pte.isOwn(pte);
        boolean isCounted = isOwn && frames.share(frame);
        if (isOwn && !isCounted) {
            // The entry is read-only, because so many share the page.
            fillWithCopy(vma, target, index, frame, pte & KEPT, context);
            return;
        }
        long before = clear(leaf, index, WRITABLE);
        boolean isDone = false;
        try {
            // Checked after the change of the entry. Pairs with a thread that pins: it reads the entry again after the
            // pin.
            if (isCounted && frames.isPinned(frame)) {
                pinned.add(new PinnedPage(vma, leaf, target, index, before));
            } else {
                // Uses the rights of the child's VMA, because the parent's may have changed in the meantime.
                Leaf.fill(target, index, Pte.present(frame, (before & KEPT) | LeafWalks.rights(vma, child.geometry)));
            }
            isDone = true;
        } finally {
            if (!isDone) {
                set(leaf, index, before & WRITABLE);
                if (isCounted) {
                    frames.drop(frame, context.magazine);
                }
            }
        }
    }

    private void fillWithCopy(VmArea vma, long[] target, int index, int frame, long kept, PageTableContext context) {
        int fresh = frames.allocateDirty(context.magazine);
        if (fresh == Frames.NONE) {
            throw new MmException("fork", Errno.ENOMEM);
        }
        boolean filled = false;
        try {
            frames.store.copy(frame, fresh);
            long writable = vma.has(VmaFlags.WRITE) ? Pte.WRITE : 0;
            Leaf.fill(
                    target,
                    index,
                    Pte.present(fresh, kept | Pte.EXCLUSIVE | LeafWalks.rights(vma, child.geometry) | writable));
            filled = true;
        } finally {
            if (!filled) {
                frames.drop(fresh, context.magazine);
            }
        }
    }

    private static long clear(long[] leaf, int index, long bits) {
        long pte = Leaf.get(leaf, index);
        while (!Leaf.narrow(leaf, index, pte, pte & ~bits)) {
            pte = Leaf.get(leaf, index);
        }
        return pte;
    }

    private static void set(long[] leaf, int index, long bits) {
        long pte = Leaf.get(leaf, index);
        while (!Leaf.widen(leaf, index, pte, pte | bits)) {
            pte = Leaf.get(leaf, index);
        }
    }

    /**
     * Removes pages that a concurrent truncation missed. A truncation walks the mappings that are linked to the file,
     * and the child's mappings were not linked yet. Now they are.
     */
    public void trim() {
        for (OfFile of : ofFiles) {
            long pages = of.file.lowestSince(of.from);
            VmArea vma = of.vma;
            long kept = Math.max(0, pages - vma.pageOffset());
            if (kept < parent.geometry.pages(vma.length())) {
                long start = vma.start() + (kept << parent.geometry.pageShift());
                LeafWalks.unmap(childWalk, start, vma.end(), gather);
                gather.invalidate();
                gather.free();
            }
        }
    }

    /**
     * Removes all copies, because there will be no child, and returns the page table context, because the close of the
     * child needs one.
     */
    public void undo() {
        try (gather) {
            LeafWalks.unmap(childWalk, 0, child.geometry.limit(), gather);
        }
    }
}
