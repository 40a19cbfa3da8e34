// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.pagewalk.LeafWalks;
import dev.samara.core.internal.pagewalk.PageWalk;
import dev.samara.core.internal.tlb.HeldTables;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.VmaFlags;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Some pages of one file, in ascending order, and the progress of their write-back. If a page was dirty and is not
 * written, {@link #end} sets its dirty mark again, whatever failed. For one thread.
 */
final class WriteBackBatch {
    private final MachineMemory memory;
    private final Frames frames;
    private final CachedPages cached;
    private final long[] pages;
    private final int[] taken;
    private final boolean[] isDirty;

    /** For each pinned page, whether the writer holds it back. */
    private final boolean[] isHeld;

    private int count;

    /** The size of the file when the pages were collected. It may grow before they are written. */
    private long size;

    /** The number of pinned pages. Only dirty pages are pinned. */
    private int pinned;

    /** Whether a dirty page could not be pinned. */
    private boolean isRefused;

    private final List<ReverseMap.Link> links = new ArrayList<>();

    WriteBackBatch(MachineMemory memory, CachedPages cached, int room) {
        this.memory = memory;
        this.cached = cached;
        frames = memory.frames();
        pages = new long[room];
        taken = new int[room];
        isDirty = new boolean[room];
        isHeld = new boolean[room];
    }

    /**
     * Collects the next pages of a range that are in memory and within the file. The caller holds the inode lock until
     * {@link #copy} returns.
     *
     * @param alsoFailed whether to collect also pages whose last write failed
     * @return the page at which the next batch starts, or -1 if there are no more pages
     */
    long collect(long first, long most, boolean alsoFailed) {
        size = cached.size();
        // A failed removal may have left pages beyond the end.
        long last = Math.min(most, cached.pages(size) - 1);
        int found = first > last ? 0 : cached.index().collect(first, pages, taken);
        long next = found < pages.length || pages[found - 1] >= last ? -1 : pages[found - 1] + 1;
        while (found > 0 && pages[found - 1] > last) {
            found--;
        }
        count = 0;
        for (int i = 0; i < found; i++) {
            if (alsoFailed || !frames.hasWriteFailed(taken[i])) {
                pages[count] = pages[i];
                taken[count++] = taken[i];
            }
        }
        Arrays.fill(isDirty, 0, count, false);
        return next;
    }

    /**
     * Clears the dirty marks of the frames and cleans the entries, and waits until no CPU can write through an older
     * translation. Afterwards {@link #isDirty} contains which pages were dirty. The caller holds the inode lock.
     */
    void clean(ReverseMap mappings) {
        // The marks are cleared before the walk. A thread that removes a written entry marks the frame under the lock
        // of the leaf. Either it sets the mark after this, or the walk finds its pending flush, and the bytes are read
        // after that flush.
        for (int i = 0; i < count; i++) {
            isDirty[i] = frames.clearDirty(taken[i]);
        }
        if (count > 0) {
            links.clear();
            mappings.visit(pages[0], pages[count - 1], this::found);
            if (!links.isEmpty()) {
                cleanMappings();
            }
        }
        for (int i = 0; i < count; i++) {
            // The mark may come from an entry that was removed in the meantime. It stays, so the page is written now
            // and once more later.
            isDirty[i] |= frames.isDirty(taken[i]);
        }
    }

    private void found(ReverseMap.Link link) {
        VmArea vma = link.vma();
        if (vma.has(VmaFlags.SHARED) && vma.hasAny(VmaFlags.WRITE | VmaFlags.MAYWRITE)) {
            links.add(link);
        }
    }

    private void cleanMappings() {
        HeldTables held = new HeldTables();
        List<AccessChecker.Revocation> revocations = new ArrayList<>(links.size());
        try (TlbGather gather = new TlbGather(memory)) {
            PageWalk walk = new PageWalk();
            for (ReverseMap.Link link : links) {
                if (held.hold(link.table())) {
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
        VmArea vma = link.vma();
        PageTable table = link.table();
        int shift = cached.pageShift();
        long offset = vma.pageOffset();
        long span = vma.length() >>> shift;
        long from = Math.max(pages[0] - offset, 0);
        long to = Math.min(pages[count - 1] - offset + 1, span);
        long start = vma.start() + (from << shift);
        long end = vma.start() + (to << shift);
        AccessChecker checker = memory.accessChecker();
        if (checker != null) {
            revocations.add(checker.begin("a write-back", AccessChecker.MARK, table.number(), start, end));
        }
        LeafWalks.clean(
                walk, table, start, end, (at, frame) -> notes(offset + ((at - vma.start()) >>> shift), frame), gather);
    }

    /** Records that a page is dirty. Returns false if the frame does not belong to a page of this batch. */
    private boolean notes(long page, int frame) {
        int at = Arrays.binarySearch(pages, 0, count, page);
        if (at < 0 || taken[at] != frame) {
            return false;
        }
        isDirty[at] = true;
        return true;
    }

    /**
     * Pins the dirty pages and copies their bytes, one page after the other. If a page has too many pins, it stays
     * dirty and {@link #write} fails. The caller holds the inode lock.
     */
    void copy(ByteBuffer buffer) {
        buffer.clear();
        isRefused = false;
        int found = count;
        for (int i = 0; i < found; i++) {
            if (isDirty[i] && frames.pin(taken[i])) {
                keep(i);
                frames.store()
                        .read(taken[pinned - 1], 0, buffer, (pinned - 1) << cached.pageShift(), length(pinned - 1));
            } else if (isDirty[i]) {
                frames.setDirty(taken[i]);
                isRefused = true;
            }
        }
        count = pinned;
    }

    /** Moves a page that was just pinned to the end of the pinned pages, which are first in the arrays. */
    private void keep(int i) {
        pages[pinned] = pages[i];
        taken[pinned] = taken[i];
        isDirty[pinned++] = true;
    }

    /** Returns the number of bytes of a page that were within the file when the pages were collected. */
    private int length(int i) {
        return (int) Math.min(frames.pageSize(), size - cached.startOf(pages[i]));
    }

    /**
     * Writes the copied pages that the writer does not hold back. Returns 0, {@link PageWriter#HELD}, or the first
     * failure, which is EAGAIN if a page could not be pinned.
     */
    long write(ByteBuffer buffer, PageWriter writer) {
        long failure = isRefused ? Errno.EAGAIN.result() : 0;
        failure = PageWriter.worse(failure, findHeld(buffer, writer));
        int from = 0;
        while (from < pinned) {
            int to = from + 1;
            while (to < pinned && pages[to] == pages[to - 1] + 1 && isHeld[to] == isHeld[from]) {
                to++;
            }
            if (!isHeld[from]) {
                failure = PageWriter.worse(failure, write(buffer, from, to, writer));
            }
            from = to;
        }
        return failure;
    }

    /** Asks the writer which pages it holds back. Returns 0, or {@link PageWriter#HELD} if it holds one back. */
    private long findHeld(ByteBuffer buffer, PageWriter writer) {
        long held = 0;
        for (int i = 0; i < pinned; i++) {
            int at = i << cached.pageShift();
            buffer.clear().position(at).limit(at + length(i));
            isHeld[i] = !writer.mayWrite(cached.startOf(pages[i]), buffer);
            held = isHeld[i] ? PageWriter.HELD : held;
        }
        return held;
    }

    private long write(ByteBuffer buffer, int from, int to, PageWriter writer) {
        int shift = cached.pageShift();
        buffer.clear().position(from << shift).limit(((to - 1) << shift) + length(to - 1));
        long failed = writer.write(cached.startOf(pages[from]), buffer);
        if (failed == 0) {
            Arrays.fill(isDirty, from, to, false);
        }
        return failed;
    }

    /** Marks the pages that were not written as dirty, and unpins all pages. */
    void end() {
        int written = 0;
        for (int i = 0; i < count; i++) {
            if (isDirty[i]) {
                frames.setDirty(taken[i]);
            }
        }
        for (int i = 0; i < pinned; i++) {
            frames.setWriteFailed(taken[i], isDirty[i]);
        }
        count = 0;
        int ended = pinned;
        while (pinned > 0) {
            frames.unpin(taken[--pinned]);
        }
        for (int i = 0; i < ended; i++) {
            if (!isDirty[i]) {
                pages[written++] = pages[i];
            }
        }
        // Called after the pages are unpinned, so that an eviction that found one of them pinned checks it again.
        cached.noteCleaned(pages, written);
    }
}
