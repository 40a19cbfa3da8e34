// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.replay;

import dev.samara.core.LayoutSnapshot;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import dev.samara.tool.record.MemoryCall.Mprotect;
import dev.samara.tool.record.MemoryCall.Mremap;
import java.util.Map;
import java.util.TreeMap;

/**
 * The private anonymous pages that were made non-writable at some time.
 *
 * <p>When pages become non-writable, the kernel uncharges memory that was never touched, and a trace does not contain
 * which pages were touched. So the flag {@code ac} of these pages is unknown as long as they are mapped. It stays
 * unknown when they are moved, and in a child's copies.
 */
final class UnknownAccounting {
    private static final Geometry GEOMETRY = Geometry.LINUX_X86_64;

    private final PageSet pages;
    private long brk;

    UnknownAccounting(long brk) {
        this(new PageSet(), brk);
    }

    private UnknownAccounting(PageSet pages, long brk) {
        this.pages = pages;
        this.brk = brk;
    }

    UnknownAccounting copy() {
        return new UnknownAccounting(pages.copy(), brk);
    }

    boolean contains(long start, long end) {
        return pages.contains(start, end);
    }

    /** Called after new pages were mapped. */
    void mapped(long start, long length) {
        pages.remove(start, start + GEOMETRY.roundUp(length));
    }

    /** Called after {@code brk}. The pages that it added are new. */
    void brkIs(long newBrk) {
        pages.remove(GEOMETRY.roundUp(brk), GEOMETRY.roundUp(newBrk));
        brk = newBrk;
    }

    /**
     * Called after {@code mprotect}, which may have failed after it had changed a part of the range. The layouts before
     * and after the call show how far it got.
     */
    void protectedPages(Mprotect call, LayoutSnapshot before, LayoutSnapshot after) {
        if ((call.protection() & Mman.WRITE) != 0) {
            return;
        }
        long end = call.address() + GEOMETRY.roundUp(call.length());
        Vma vma = before.find(call.address());
        if (vma != null && (call.protection() & Mman.PROT_GROWSDOWN) != 0) {
            vma = before.find(vma.start());
        }
        long at = vma != null && (call.protection() & Mman.PROT_GROWSDOWN) != 0 ? vma.start() : call.address();
        while (vma != null && at < end) {
            long stop = Math.min(vma.end(), end);
            if (isPrivateAnonymous(vma)) {
                addNonWritable(after, at, stop);
            }
            at = stop;
            vma = before.find(at);
        }
    }

    private void addNonWritable(LayoutSnapshot after, long start, long end) {
        Vma vma = after.find(start);
        for (long at = start; vma != null && at < end; vma = after.find(at)) {
            long stop = Math.min(vma.end(), end);
            if (!vma.has(VmaFlags.WRITE)) {
                pages.add(at, stop);
            }
            at = stop;
        }
    }

    /** Called after {@code mremap}. */
    void remapped(Mremap call, LayoutSnapshot before, long result) {
        if (Errno.isError(result)) {
            return;
        }
        long oldLength = GEOMETRY.roundUp(call.oldLength());
        long newLength = GEOMETRY.roundUp(call.newLength());
        if (result != call.address()) {
            move(before, call.address(), Math.min(oldLength, newLength), result);
        }
        pages.remove(result + oldLength, result + newLength);
    }

    /** Moves the state of pages. Where the source is not mapped, the target keeps its state. */
    private void move(LayoutSnapshot before, long source, long length, long target) {
        if (pages.isEmpty()) {
            return;
        }
        for (Vma vma : before.vmas()) {
            long start = Math.max(vma.start(), source);
            long end = Math.min(vma.end(), source + length);
            // Ranges above the user's part of the space have negative bounds here, so they are skipped.
            if (start < end) {
                pages.copyRange(start, end - start, start - source + target);
            }
        }
    }

    static boolean isPrivateAnonymous(Vma vma) {
        return vma.isAnonymous() && !vma.has(VmaFlags.MAYSHARE);
    }

    /** A set of user addresses, stored as disjoint ranges {@code [start, end)}. Not thread-safe. */
    static final class PageSet {
        private final TreeMap<Long, Long> endByStart;

        PageSet() {
            endByStart = new TreeMap<>();
        }

        private PageSet(Map<Long, Long> endByStart) {
            this.endByStart = new TreeMap<>(endByStart);
        }

        PageSet copy() {
            return new PageSet(endByStart);
        }

        boolean isEmpty() {
            return endByStart.isEmpty();
        }

        void add(long start, long end) {
            if (start >= end) {
                return;
            }
            long newStart = start;
            long newEnd = end;
            Map.Entry<Long, Long> touching = endByStart.floorEntry(end);
            while (touching != null && touching.getValue() >= start) {
                newStart = Math.min(newStart, touching.getKey());
                newEnd = Math.max(newEnd, touching.getValue());
                endByStart.remove(touching.getKey());
                touching = endByStart.floorEntry(end);
            }
            endByStart.put(newStart, newEnd);
        }

        void remove(long start, long end) {
            if (start >= end) {
                return;
            }
            Map.Entry<Long, Long> overlapping = endByStart.lowerEntry(end);
            while (overlapping != null && overlapping.getValue() > start) {
                endByStart.remove(overlapping.getKey());
                if (overlapping.getValue() > end) {
                    endByStart.put(end, overlapping.getValue());
                }
                if (overlapping.getKey() < start) {
                    endByStart.put(overlapping.getKey(), start);
                }
                overlapping = endByStart.lowerEntry(overlapping.getKey());
            }
        }

        boolean contains(long start, long end) {
            Map.Entry<Long, Long> range = endByStart.floorEntry(start);
            return range != null && range.getValue() >= end;
        }

        /** Makes {@code [target, target + length)} equal to {@code [source, source + length)}. */
        void copyRange(long source, long length, long target) {
            if (endByStart.isEmpty()) {
                return;
            }
            PageSet moved = new PageSet();
            Map.Entry<Long, Long> range = endByStart.lowerEntry(source + length);
            while (range != null && range.getValue() > source) {
                long start = Math.max(range.getKey(), source);
                long end = Math.min(range.getValue(), source + length);
                moved.add(start - source + target, end - source + target);
                range = endByStart.lowerEntry(range.getKey());
            }
            remove(target, target + length);
            moved.endByStart.forEach(this::add);
        }
    }
}
