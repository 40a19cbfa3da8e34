// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.op.Operation.PopulateRange;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;
import java.util.List;

/**
 * Faults in the ranges of an operation after it is complete ({@code mm_populate} in {@code mm/gup.c}). At that time the
 * operation has no range in flight, and the thread holds no lock, so this may take as long as backings do.
 */
public final class Populate {
    /** The number of pages and VMAs between two checks of the interrupt flag; at most the number of pages of a leaf. */
    private static final int PAGES = 512;

    /** The stack that a fault needs, and the return of the page table context after it, in stack frames. */
    private static final int DEPTH = StackReserve.around(Faulter.DEPTH, 16);

    /**
     * The range of a call contains an address without a VMA. A guard marker is {@link Fault#MAPERR}, which has another
     * errno.
     */
    private static final int HOLE = -1;

    /** {@link Fault#RETRY} without an interrupt, while the machine reaps a space. */
    private static final int SHORT = -2;

    private Populate() {}

    /**
     * Faults ranges in. Waits like a fault. The caller is not in a reader section and holds no lock.
     *
     * @param layout a layout with memory, if there are ranges
     * @param result the result of the operation
     * @return the result, or the error if a range cannot be faulted in and the range's kind reports errors; ESRCH,
     *     negated, if the space has ended in the meantime
     */
    public static long run(Layout layout, List<PopulateRange> ranges, long result) {
        long answer = result;
        // By index, because there may be no memory for an iterator, and then the caller would not learn that the
        // operation is complete.
        for (int i = 0; i < ranges.size(); i++) {
            answer = run(layout, ranges.get(i), answer);
        }
        // If the space was closed in the meantime, the failure is due to the teardown, which removed the ranges to be
        // faulted in.
        return answer != result && layout.isClosed() ? Errno.ESRCH.result() : answer;
    }

    private static long run(Layout layout, PopulateRange range, long result) {
        PopulateRange.Kind kind = range.kind();
        int fault = faultIfMemory(layout, range);
        boolean isPart = kind == PopulateRange.Kind.READ || kind == PopulateRange.Kind.WRITE;
        if (Errno.isError(result) && !isPart) {
            return result;
        }
        // The part of the range below the operation's failure is still faulted in, but the operation's error takes
        // precedence.
        if (fault == Fault.NONE || kind == PopulateRange.Kind.BEST_EFFORT) {
            return result;
        }
        if (fault == Fault.RETRY || fault == SHORT) {
            return (fault == SHORT ? Errno.EAGAIN : Errno.EINTR).result();
        }
        if (kind == PopulateRange.Kind.LOCK) {
            // Like __mlock_posix_error_return.
            return (fault == Fault.OUT_OF_MEMORY ? Errno.EAGAIN : Errno.ENOMEM).result();
        }
        // The operation checked for holes and rights, so another call made this hole or removed this right.
        return switch (fault) {
            case Fault.OUT_OF_MEMORY, HOLE -> Errno.ENOMEM.result();
            case Fault.ACCERR -> Errno.EINVAL.result();
            default -> Errno.EFAULT.result();
        };
    }

    /** Because the operation is complete, an exhausted heap is reported as a fault, and not as an error of the call. */
    private static int faultIfMemory(Layout layout, PopulateRange range) {
        try {
            return fault(layout, range);
        } catch (OutOfMemoryError exhausted) {
            return Fault.OUT_OF_MEMORY;
        }
    }

    /**
     * Faults a range in, with a page table context that this call borrows. Returns a {@link Fault}, {@link
     * #HOLE} or {@link #SHORT}.
     */
    private static int fault(Layout layout, PopulateRange range) {
        StackReserve.check(DEPTH);
        PageTableContext context = layout.memory().contexts.borrowOrNull();
        if (context == null) {
            return Fault.OUT_OF_MEMORY;
        }
        try {
            Faulter faulter = new Faulter(layout, context);
            int fault = ThreadCpus.readAs(context.reader, () -> switch (range.kind()) {
                case READ -> touch(faulter, range.start(), range.end(), Mman.READ);
                case WRITE -> touch(faulter.marking(), range.start(), range.end(), Mman.WRITE);
                case BEST_EFFORT -> mapped(faulter, range.start(), range.end(), true);
                case LOCK -> mapped(faulter, range.start(), range.end(), false);
            });
            return fault == Fault.RETRY && faulter.errnoOfRetry() == Errno.EAGAIN ? SHORT : fault;
        } finally {
            layout.memory().contexts.giveBack(context);
        }
    }

    /**
     * Faults in the mapped pages of a range ({@code __mm_populate}). Pages of private VMAs that permit writing are
     * faulted in for a write. VMAs that lock pages only on fault, and VMAs of devices, are skipped. Holes are also
     * skipped: the operation checked for them, so another call has made them since. A page whose fault fails because
     * another call changed its VMA concurrently is faulted in as the new VMA permits.
     *
     * @param goesOn whether a page that cannot be faulted in ends only the population of its VMA
     * @return {@link Fault#NONE}, or the first failed {@link Fault} that ends the population; RETRY after an interrupt
     */
    private static int mapped(Faulter faulter, long start, long end, boolean goesOn) {
        long at = start;
        int count = 0;
        while (Addresses.isBelow(at, end)) {
            if (isInterrupted(++count)) {
                return Fault.RETRY;
            }
            VmArea vma = faulter.layout.findNext(at);
            if (vma == null || !Addresses.isBelow(vma.start(), end)) {
                return Fault.NONE;
            }
            at = Addresses.higher(at, vma.start());
            long stop = Addresses.lower(vma.end(), end);
            int access = accessFor(vma, faulter.layout.geometry);
            int result = Fault.NONE;
            if (vma.hasAny(VmaFlags.LOCKONFAULT | VmaFlags.IO | VmaFlags.PFNMAP)) {
                at = stop;
            }
            while (Addresses.isBelow(at, stop)) {
                result = isInterrupted(++count) ? Fault.RETRY : faulter.fault(at, access);
                if (result != Fault.NONE) {
                    break;
                }
                at += 1L << faulter.pageShift;
            }
            if (result == Fault.RETRY || (result == Fault.OUT_OF_MEMORY && !goesOn)) {
                return result;
            }
            if (result != Fault.NONE && faulter.layout.find(at) == vma) {
                if (!goesOn) {
                    return result;
                }
                at = stop;
            }
        }
        return Fault.NONE;
    }

    /** As in {@code populate_vma_page_range}: memory with any right is populated, even if it cannot be read. */
    private static int accessFor(VmArea vma, Geometry geometry) {
        if (vma.has(VmaFlags.WRITE) && !vma.has(VmaFlags.SHARED)) {
            return Mman.WRITE;
        }
        boolean isForced =
                vma.hasAny(VmaFlags.ACCESS) && !geometry.protectionMap().permits((int) vma.flags(), Mman.READ);
        return isForced ? Mman.READ | Faulter.FORCED : Mman.READ;
    }

    /**
     * Checks the interrupt flag at intervals, so that the population of a huge range ends soon after an interrupt.
     * Leaves the flag set.
     */
    private static boolean isInterrupted(int count) {
        return count % PAGES == 0 && Thread.currentThread().isInterrupted();
    }

    /**
     * Faults in every page of a range. Returns {@link Fault#NONE}, the first failed {@link Fault}, or {@link
     * #HOLE}; RETRY after an interrupt.
     */
    private static int touch(Faulter faulter, long start, long end, int access) {
        long right = access == Mman.WRITE ? VmaFlags.WRITE : VmaFlags.READ;
        long at = start;
        int count = 0;
        while (Addresses.isBelow(at, end)) {
            VmArea vma = faulter.layout.find(at);
            if (vma == null) {
                return HOLE;
            }
            if (isInterrupted(++count)) {
                return Fault.RETRY;
            }
            // As in check_vma_flags, which is stricter than an access: an access may read memory that is only writable.
            if (!vma.has(right) || vma.hasAny(VmaFlags.IO | VmaFlags.PFNMAP)) {
                return Fault.ACCERR;
            }
            int result = faulter.fault(at, access);
            if (result == Fault.NONE) {
                at += 1L << faulter.pageShift;
            } else if (result != Fault.MAPERR || faulter.layout.find(at) == vma) {
                return result;
            }
        }
        return Fault.NONE;
    }
}
