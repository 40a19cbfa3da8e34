// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.LeafWalks;
import dev.samara.core.internal.pagewalk.PageWalk;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.internal.tlb.TlbGather.HeldTables;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.VmaFlags;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongConsumer;

/**
 * One write-back of dirty pages of one file ({@code write_cache_pages} in {@code mm/page-writeback.c}), batch by batch
 * in ascending order. Each batch goes through these steps:
 *
 * <ol>
 *   <li>Under the inode lock, the dirty marks of its frames are cleared, and then the entries of all mappings become
 *       clean and are flushed ({@link #clean}). A store after that marks its page again.
 *   <li>The bytes of the pages that were dirty are copied, up to the end of the file, and their frames are pinned
 *       ({@link #copy}). A reclaim does not free pinned pages, so no page is read again before it is written.
 *   <li>Without the inode lock, runs of consecutive pages are written ({@link #write}).
 *   <li>If a page was dirty and was not written, its frame is marked dirty again, whatever failed; then all pages are
 *       unpinned ({@link #end}).
 * </ol>
 *
 * <p>The marks are cleared before the bytes are read. In the other order, a store between the two would be lost. The
 * caller, {@code hostfile.HostInode.PageWrites}, holds the write-back lock of {@code hostfile.HostInode} until the end
 * of a write-back. This lock excludes other write-backs, truncations and holes, so no page is written after it was
 * removed from the file. A thread waits for a write-back by acquiring this lock.
 */
final class WriteBack {
    /** The number of pages that {@link #findDirty} checks at once. */
    private static final int SCANNED = 512;

    private final MachineMemory memory;
    private final Frames frames;
    private final FilePages.CachedPages cached;
    private final Truncation.InodeLock inodeLock;
    private final ByteBuffer buffer;
    private final FilePages.PageWriter writer;

    /** The pages of the batch. A page is marked while it was dirty and is not written. */
    private final PageBatch batch;

    /** For each page, whether it was dirty itself, not only another page of its block. */
    private final boolean[] isOwn;

    /** For each pinned page, whether the writer holds it back. */
    private final boolean[] isHeld;

    /** The number of pinned pages, which are the first ones of the batch. Only dirty pages are pinned. */
    private int pinned;

    /** Whether a dirty page could not be pinned. */
    private boolean isRefused;

    /** The page at which the run ended because another thread changed the file; -1 if the run was complete. */
    private long reached;

    /** The size of the file when the pages were collected. It may grow before they are written. */
    private long size;

    /**
     * Creates a write-back.
     *
     * @param buffer receives the bytes of a batch; its capacity is at least one page
     */
    WriteBack(FilePages file, Truncation present, ByteBuffer buffer, FilePages.PageWriter writer) {
        this.buffer = buffer;
        this.writer = writer;
        memory = file.memory;
        frames = memory.frames;
        cached = present.cached;
        inodeLock = present.inodeLock;
        batch = new PageBatch(cached, file.mappings);
        batch.makeRoom(buffer.capacity() >>> cached.pageShift);
        isOwn = new boolean[batch.pages.length];
        isHeld = new boolean[batch.pages.length];
    }

    /** Writes the dirty pages that evictions found; see {@link FilePages#tryWriteBack}. */
    long run(Eviction.Cursor cursor, boolean mayWait) {
        long[] range = cursor.takeDirty();
        reached = range[0];
        try {
            return run(range[0], range[1], true, mayWait);
        } finally {
            if (reached >= 0) {
                cursor.addDirty(reached, range[1]);
            }
        }
    }

    /**
     * Writes dirty pages; see {@link FilePages#writeBack}.
     *
     * @param mayWait whether to wait for other changes of the file; otherwise the run ends before the first batch for
     *     which it would have to wait
     */
    long run(long first, long last, boolean alsoFailed, boolean mayWait) {
        StackReserve.check(Truncation.DEPTH);
        Blocks blocks = cached.blocks;
        long failure = 0;
        long end = blocks == null ? last : blocks.lastOf(last);
        long next = blocks == null ? first : blocks.firstOf(first);
        while (next >= 0 && next <= end && lock(mayWait)) {
            try {
                next = begin(next, end, alsoFailed);
                failure = FilePages.PageWriter.worse(failure, write());
            } finally {
                end();
            }
        }
        reached = next <= end ? next : -1;
        return failure;
    }

    private boolean lock(boolean mayWait) {
        if (!mayWait) {
            return inodeLock.tryLock();
        }
        inodeLock.lock();
        return true;
    }

    /**
     * Starts a batch, and releases the inode lock. Returns the page at which the next batch starts, or -1 if this is
     * the last batch.
     */
    private long begin(long first, long last, boolean alsoFailed) {
        boolean isBegun = false;
        try {
            long next = collect(first, last, alsoFailed);
            clean();
            copy();
            isBegun = true;
            return next;
        } finally {
            try {
                if (!isBegun) {
                    // Called under the lock, while the frames are still the pages of the file.
                    end();
                }
            } finally {
                inodeLock.unlock();
            }
        }
    }

    /** Collects the next pages of a range that are in memory and within the file. Returns as {@link #begin} does. */
    private long collect(long first, long last, boolean alsoFailed) {
        size = cached.size;
        // A failed removal may have left pages beyond the end.
        long next = batch.collect(first, Math.min(last, cached.pages(size) - 1));
        int kept = 0;
        for (int i = 0, to; i < batch.count; i = to) {
            to = batch.unitEnd(i);
            boolean isWanted = alsoFailed || !hasWriteFailed(i, to);
            for (int k = i; isWanted && k < to; k++) {
                batch.move(k, kept++);
            }
        }
        batch.count = kept;
        return next;
    }

    private boolean hasWriteFailed(int from, int to) {
        int i = from;
        while (i < to && !frames.hasWriteFailed(batch.taken[i])) {
            i++;
        }
        return i < to;
    }

    /** Returns whether an element is true for one of the pages. */
    private static boolean isAny(boolean[] of, int from, int to) {
        int i = from;
        while (i < to && !of[i]) {
            i++;
        }
        return i < to;
    }

    /**
     * Clears the dirty marks of the frames and cleans the entries, and waits until no CPU can write through an older
     * translation. Marks the pages that were dirty, and the other pages of their blocks.
     */
    private void clean() {
        // The marks are cleared before the walk. A thread that removes a written entry marks the frame under the lock
        // of the leaf. Either it sets the mark after this, or the walk finds its pending flush, and the bytes are read
        // after that flush.
        boolean[] isDirty = batch.isMarked;
        int[] taken = batch.taken;
        for (int i = 0; i < batch.count; i++) {
            isDirty[i] = frames.clearDirty(taken[i]);
        }
        if (batch.count > 0) {
            List<ReverseMap.Link> links = batch.links(0, batch.count);
            links.removeIf(link -> !mayWrite(link.vma));
            if (!links.isEmpty()) {
                cleanMappings(links);
            }
        }
        for (int i = 0; i < batch.count; i++) {
            // The mark may come from an entry that was removed in the meantime. It stays, so the page is written now
            // and once more later.
            isDirty[i] |= frames.isDirty(taken[i]);
            isOwn[i] = isDirty[i];
        }
        for (int i = 0, to; i < batch.count; i = to) {
            to = batch.unitEnd(i);
            Arrays.fill(isDirty, i, to, isAny(isDirty, i, to));
        }
    }

    /** Returns whether an entry of a mapping may permit writes, now or after an {@code mprotect}. */
    static boolean mayWrite(VmArea vma) {
        return vma.has(VmaFlags.SHARED) && vma.hasAny(VmaFlags.WRITE | VmaFlags.MAYWRITE);
    }

    private void cleanMappings(List<ReverseMap.Link> links) {
        HeldTables held = new HeldTables();
        List<AccessChecker.Revocation> revocations = new ArrayList<>(links.size());
        try (TlbGather gather = new TlbGather(memory)) {
            PageWalk walk = new PageWalk();
            for (ReverseMap.Link link : links) {
                if (held.hold(link.table)) {
                    clean(link, walk, gather, revocations);
                }
            }
            gather.checkHeld();
            gather.invalidate();
        } finally {
            revocations.forEach(AccessChecker.Revocation::close);
            held.release();
        }
    }

    private void clean(
            ReverseMap.Link link, PageWalk walk, TlbGather gather, List<AccessChecker.Revocation> revocations) {
        VmArea vma = link.vma;
        long start = batch.startIn(vma, 0);
        long end = batch.endIn(vma, batch.count - 1);
        AccessChecker checker = memory.accessChecker;
        if (checker != null) {
            long space = link.table.number();
            revocations.add(checker.begin("a write-back", AccessChecker.MARK, space, start, end));
        }
        LeafWalks.clean(walk, link.table, start, end, (at, frame) -> notes(batch.pageAt(vma, at), frame), gather);
    }

    /** Records that a page is dirty. Returns false if the frame does not belong to a page of this batch. */
    private boolean notes(long page, int frame) {
        int at = batch.indexOf(page, frame);
        if (at >= 0) {
            batch.isMarked[at] = true;
        }
        return at >= 0;
    }

    /**
     * Pins the dirty pages, moves them to the start of the batch, and copies their bytes, one page after the other. If
     * a page has too many pins, it stays dirty and {@link #write} fails.
     */
    private void copy() {
        buffer.clear();
        isRefused = false;
        for (int i = 0; i < batch.count; i++) {
            int frame = batch.taken[i];
            if (batch.isMarked[i] && frames.pin(frame)) {
                isOwn[pinned] = isOwn[i];
                batch.move(i, pinned++);
                frames.store.read(frame, 0, buffer, (pinned - 1) << cached.pageShift, length(pinned - 1));
            } else if (batch.isMarked[i]) {
                frames.setDirty(frame);
                isRefused = true;
            }
        }
        batch.count = pinned;
    }

    /** Returns the offset in bytes of a page, which was within the file when the pages were collected. */
    private long startOf(int i) {
        return batch.pages[i] << cached.pageShift;
    }

    /** Returns the number of bytes of a page that were within the file when the pages were collected. */
    private int length(int i) {
        return (int) Math.min(frames.pageSize, size - startOf(i));
    }

    /**
     * Writes the copied pages that the writer does not hold back. Returns 0, {@link FilePages.PageWriter#HELD}, or the
     * first failure, which is EAGAIN if a page could not be pinned.
     */
    private long write() {
        long failure = isRefused ? Errno.EAGAIN.result() : 0;
        failure = FilePages.PageWriter.worse(failure, findHeld());
        long[] pages = batch.pages;
        int from = 0;
        while (from < pinned) {
            int to = from + 1;
            while (to < pinned && pages[to] == pages[to - 1] + 1 && isHeld[to] == isHeld[from]) {
                to++;
            }
            if (!isHeld[from]) {
                long failed = write(from, to);
                boolean isCut = failed == FilePages.PageWriter.BEYOND_END && cached.blocks != null;
                failure = FilePages.PageWriter.worse(failure, isCut ? writeDirty(from, to) : failed);
            }
            from = to;
        }
        return failure;
    }

    /**
     * Writes pages one by one after another program has truncated the file within them, so that the dirty ones that are
     * still within the file are written. The pages that were not dirty themselves stay clean.
     */
    private long writeDirty(int from, int to) {
        long failure = 0;
        for (int i = from; i < to; i++) {
            if (isOwn[i]) {
                failure = FilePages.PageWriter.worse(failure, write(i, i + 1));
            } else {
                batch.isMarked[i] = false;
            }
        }
        return failure;
    }

    /**
     * Asks the writer which pages it holds back, with their blocks. Returns 0, or {@code HELD} if it holds one back.
     */
    private long findHeld() {
        long held = 0;
        for (int i = 0; i < pinned; i++) {
            int at = i << cached.pageShift;
            buffer.clear().position(at).limit(at + length(i));
            isHeld[i] = !writer.mayWrite(startOf(i), buffer);
            held = isHeld[i] ? FilePages.PageWriter.HELD : held;
        }
        for (int i = 0, to; i < pinned; i = to) {
            to = batch.unitEnd(i);
            Arrays.fill(isHeld, i, to, isAny(isHeld, i, to));
        }
        return held;
    }

    private long write(int from, int to) {
        int shift = cached.pageShift;
        buffer.clear().position(from << shift).limit(((to - 1) << shift) + length(to - 1));
        long failed = writer.write(startOf(from), buffer);
        if (failed == 0) {
            Arrays.fill(batch.isMarked, from, to, false);
        }
        return failed;
    }

    /** Marks the pages that were not written as dirty, and unpins all pages. */
    private void end() {
        boolean[] isDirty = batch.isMarked;
        int[] taken = batch.taken;
        for (int i = 0; i < batch.count; i++) {
            if (isDirty[i]) {
                frames.setDirty(taken[i]);
            }
        }
        for (int i = 0; i < pinned; i++) {
            frames.setWriteFailed(taken[i], isDirty[i]);
        }
        batch.count = 0;
        int ended = pinned;
        while (pinned > 0) {
            frames.unpin(taken[--pinned]);
        }
        int written = 0;
        for (int i = 0; i < ended; i++) {
            if (!isDirty[i]) {
                batch.pages[written++] = batch.pages[i];
            }
        }
        // Called after the pages are unpinned, so that an eviction that found one of them pinned checks it again.
        Eviction eviction = cached.eviction;
        if (eviction != null && written > 0) {
            eviction.noteCleaned(batch.pages, written);
        }
    }

    /**
     * Finds dirty pages without cleaning them; see {@link FilePages#findDirty}. A page is dirty if its frame is marked
     * dirty, or if an entry of a shared mapping that maps it is dirty. The caller holds the inode lock.
     */
    static void findDirty(FilePages file, long first, long most, LongConsumer visitor) {
        FilePages.CachedPages cached = file.present().cached;
        PageBatch batch = new PageBatch(cached, file.mappings);
        batch.makeRoom(SCANNED);
        // A failed removal may have left pages beyond the end.
        long last = Math.min(most, cached.pages() - 1);
        long next = first;
        while (next >= 0 && next <= last) {
            next = batch.collect(next, last);
            if (batch.count > 0) {
                findDirtyEntries(batch);
            }
            for (int i = 0; i < batch.count; i++) {
                // The mark is read after the entries, because a thread that removes a dirty entry marks the frame under
                // the lock of the leaf.
                if (batch.isMarked[i] || cached.frames.isDirty(batch.taken[i])) {
                    visitor.accept(batch.pages[i]);
                }
            }
        }
    }

    private static void findDirtyEntries(PageBatch batch) {
        HeldTables held = new HeldTables();
        try {
            for (ReverseMap.Link link : batch.links(0, batch.count)) {
                if (link.vma.has(VmaFlags.SHARED) && held.hold(link.table)) {
                    for (int i = 0; i < batch.count; i++) {
                        batch.isMarked[i] |= Pte.has(batch.entry(link, i, Pte.NONE), Pte.DIRTY);
                    }
                }
            }
        } finally {
            held.release();
        }
    }
}
