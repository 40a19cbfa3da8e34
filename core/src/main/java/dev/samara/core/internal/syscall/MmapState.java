// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static dev.samara.core.internal.op.Edit.DONE;

import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.PopulateRange;
import dev.samara.core.internal.op.VmaMerge;
import dev.samara.core.internal.space.LayoutCounters;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;
import org.jspecify.annotations.Nullable;

/**
 * A new mapping whose address and flags are decided, and which is now stored in an edit ({@code struct mmap_state} and
 * {@code mmap_region} in {@code mm/vma.c}). {@link Mmap} decides them.
 */
final class MmapState {
    private final Edit edit;
    private final Geometry geometry;
    private final @Nullable BackingTraits backing;

    /** Flags of {@link MapFlags}. */
    private final int flags;

    private final long start;
    private final long length;
    private final long pageOffset;

    /** Whether a munmap is in flight in the range. */
    private final boolean early;

    private long vmaFlags;

    MmapState(
            Edit edit,
            @Nullable BackingTraits backing,
            int flags,
            long start,
            long length,
            long vmaFlags,
            long pageOffset,
            boolean early) {
        this.edit = edit;
        this.geometry = edit.geometry;
        this.backing = backing;
        this.flags = flags;
        this.start = start;
        this.length = length;
        this.vmaFlags = vmaFlags;
        this.pageOffset = pageOffset;
        this.early = early;
    }

    /**
     * Replaces the VMAs of the range by the mapping. If this fails, a VMA may stay split at an end of the range.
     *
     * @param answer the result of the file's own {@code mmap}: DONE, or a negated errno
     * @return the address, or a negated errno
     */
    long put(long answer) {
        if (edit.layout.deniesExec(vmaFlags, vmaFlags)) {
            return Errno.EACCES.result();
        }
        if (backing != null && isSharedMayWrite() && !edit.mayMapWritable(backing)) {
            return Errno.EPERM.result();
        }
        long end = start + length;
        long pages = geometry.pages(length);
        long refused = VmaMerge.cutAndGather(edit, start, end);
        if (refused != DONE) {
            return refused;
        }
        LayoutCounters replaced = VmaMerge.counters(edit);
        if (!edit.limits.mayExpand(edit.counters, vmaFlags, pages - replaced.total)) {
            return Errno.ENOMEM.result();
        }
        if (isAccountable()) {
            if (!edit.charge(Math.max(0, pages - replaced.accounted))) {
                return Errno.ENOMEM.result();
            }
            vmaFlags |= VmaFlags.ACCOUNT;
        }
        if (answer != DONE) {
            return leaveGap(replaced, answer);
        }
        BackingTraits behind = backing;
        if ((vmaFlags & VmaFlags.SHARED) != 0 && (behind == null || behind.isZeroDevice())) {
            behind = BackingTraits.of(edit.createShared(length, (vmaFlags & VmaFlags.NORESERVE) == 0));
            if (behind == null) {
                return leaveGap(replaced, Errno.ENOMEM.result());
            }
        }
        if (behind != null) {
            behind = edit.current(behind);
        }
        if (early) {
            edit.takeOver(start, end);
        }
        if (replaced.maps != 0 || early) {
            edit.gate(start, end);
        }
        VmaMerge.displace(edit);
        VmArea placed = VmaMerge.place(edit, new VmArea(start, end, vmaFlags, pageOffset, behind, null, null));
        if (placed.has(VmaFlags.LOCKED | VmaFlags.DROPPABLE)) {
            // Droppable memory is never locked, whatever mlockall requests; Linux checks that only after the merge.
            Mlock.unlock(edit, placed);
        }
        boolean populates = (flags & (MapFlags.POPULATE | MapFlags.NONBLOCK)) == MapFlags.POPULATE;
        if (populates || (vmaFlags & VmaFlags.LOCKED) != 0) {
            edit.populate(PopulateRange.Kind.BEST_EFFORT, start, end);
        }
        return start;
    }

    /**
     * Unmaps the mappings that would have been replaced, because Linux has also removed them by then
     * (vms_abort_munmap_vmas).
     */
    private long leaveGap(LayoutCounters replaced, long errno) {
        if (replaced.maps != 0) {
            VmaMerge.unmap(edit, false);
        }
        return errno;
    }

    private boolean isSharedMayWrite() {
        return (vmaFlags & (VmaFlags.SHARED | VmaFlags.MAYWRITE)) == (VmaFlags.SHARED | VmaFlags.MAYWRITE);
    }

    /**
     * Returns whether the mapping is charged to the commit limit: private and writable, unless NORESERVE is set.
     * Mappings of huge pages are not charged.
     */
    private boolean isAccountable() {
        return (flags & MapFlags.HUGETLB) == 0
                && (vmaFlags & (VmaFlags.NORESERVE | VmaFlags.SHARED | VmaFlags.WRITE)) == VmaFlags.WRITE;
    }
}
