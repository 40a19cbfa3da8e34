// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static dev.samara.core.internal.op.Edit.DONE;

import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.MergeRules;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.SharedSegment;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import org.jspecify.annotations.Nullable;

/** {@code munmap}, {@code shmdt}, and the first half of calls that replace a range. */
public final class Munmap {
    private Munmap() {}

    public static long munmap(Edit edit, long address, long length) {
        Geometry geometry = edit.geometry;
        if (!geometry.isAligned(address)
                || Long.compareUnsigned(address, geometry.limit()) > 0
                || Long.compareUnsigned(length, geometry.limit() - address) > 0
                || geometry.roundUp(length) == 0) {
            return Errno.EINVAL.result();
        }
        long end = address + geometry.roundUp(length);
        edit.claim(address, end);
        return unmap(edit, address, end);
    }

    /** Unmaps a range whose bounds are valid. */
    static long unmap(Edit edit, long start, long end) {
        long result = cutEdges(edit, start, end);
        if (result == DONE) {
            edit.unmap(start, end, false);
        }
        return result;
    }

    /** Unmaps a range that the caller has mapped elsewhere. The backing was already asked whether it may be cut out. */
    static void unmapMoved(Edit edit, long start, long end) {
        cutAt(edit, start);
        cutAt(edit, end);
        edit.unmap(start, end, true);
    }

    private static void cutAt(Edit edit, long address) {
        Vma vma = edit.at(address);
        if (vma != null && vma.start() != address) {
            MergeRules.cut(edit, vma, address);
        }
    }

    /**
     * Cuts the VMAs at both ends of a range, so that it can be cleared or overwritten ({@code vms_gather_munmap_vmas}).
     *
     * <p>If the range has a sealed VMA, a cut at the start remains, as on Linux.
     *
     * @return 0 or a negated errno
     */
    static long cutEdges(Edit edit, long start, long end) {
        Vma first = edit.firstIn(start, end);
        if (first == null) {
            return DONE;
        }
        if (first.start() < start) {
            // Only a hole in the middle of one VMA leaves more mappings than before.
            if (end < first.end() && !edit.mayMapMore(1)) {
                return Errno.ENOMEM.result();
            }
            if (first.has(VmaFlags.SEALED)) {
                return Errno.EPERM.result();
            }
            Errno refusal = edit.refusalToCut(first, start);
            if (refusal != null) {
                return refusal.result();
            }
            MergeRules.cut(edit, first, start);
        }
        Vma last = null;
        for (Vma vma = edit.firstIn(start, end); vma != null; vma = edit.firstIn(vma.end(), end)) {
            if (vma.has(VmaFlags.SEALED)) {
                return Errno.EPERM.result();
            }
            last = vma;
            if (vma.end() >= end) {
                break;
            }
        }
        if (last != null && last.end() > end) {
            Errno refusal = edit.refusalToCut(last, end);
            if (refusal != null) {
                return refusal.result();
            }
            MergeRules.cut(edit, last, end);
        }
        return DONE;
    }

    public static long shmdt(Edit edit, long address) {
        if (!edit.geometry.isAligned(address)) {
            return Errno.EINVAL.result();
        }
        Vma found = edit.atOrAfter(address);
        while (found != null && !startsAttachment(edit, found, address, null)) {
            found = edit.atOrAfter(found.end());
        }
        if (found == null || !(found.backing() instanceof SharedSegment.Attachment attachment)) {
            return Errno.EINVAL.result();
        }
        detach(edit, found);
        // Other pieces of the attachment, if a partial munmap or mprotect has cut it.
        long size = edit.geometry.roundUp(attachment.segment().size());
        Vma vma = edit.atOrAfter(found.end());
        while (vma != null && vma.end() - address <= size) {
            if (startsAttachment(edit, vma, address, attachment)) {
                detach(edit, vma);
            }
            vma = edit.atOrAfter(vma.end());
        }
        return DONE;
    }

    private static void detach(Edit edit, Vma vma) {
        edit.claim(vma.start(), vma.end());
        if (!vma.has(VmaFlags.SEALED)) {
            edit.unmap(vma.start(), vma.end(), false);
        }
    }

    /** Unmaps all VMAs, also sealed ones. */
    public static long everything(Edit edit) {
        edit.claim(0, edit.geometry.limit());
        edit.unmap(0, edit.geometry.limit(), false);
        return DONE;
    }

    /** Returns whether the offset of a VMA shows that it is a piece of an attachment that began at an address. */
    private static boolean startsAttachment(
            Edit edit, Vma vma, long address, SharedSegment.@Nullable Attachment attachment) {
        return vma.backing() instanceof SharedSegment.Attachment own
                && (attachment == null || own == attachment)
                && edit.geometry.pages(vma.start() - address) == vma.pageOffset();
    }
}
