// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static dev.samara.core.internal.op.Edit.DONE;

import dev.samara.core.internal.fault.Populate;
import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.MergeRules;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;

/** {@code mprotect} and {@code mseal} ({@code mm/mprotect.c}, {@code mm/mseal.c}). */
public final class Mprotect {
    private static final int GROWS = Protection.GROWSDOWN | Protection.GROWSUP;
    private static final int KNOWN = Protection.READ | Protection.WRITE | Protection.EXEC | Protection.SEM;

    /** The distance in bits from a VMA's rights to its MAY rights. */
    private static final int MAY_SHIFT = 4;

    /** Flags of memory that is not charged when it becomes writable, or is charged already. */
    private static final long NOT_TO_CHARGE =
            VmaFlags.ACCOUNT | VmaFlags.WRITE | VmaFlags.HUGETLB | VmaFlags.SHARED | VmaFlags.NORESERVE;

    private Mprotect() {}

    /** Changes VMA by VMA; if one fails, the earlier changes stay, as on Linux. */
    public static long mprotect(Edit edit, long address, long length, int protection) {
        Geometry geometry = edit.geometry;
        int grows = protection & GROWS;
        int wanted = protection & ~GROWS;
        if (grows == GROWS || !geometry.isAligned(address)) {
            return Errno.EINVAL.result();
        }
        if (length == 0) {
            return DONE;
        }
        long end = address + geometry.roundUp(length);
        if (Long.compareUnsigned(end, address) <= 0) {
            return Errno.ENOMEM.result();
        }
        if ((wanted & ~KNOWN) != 0) {
            return Errno.EINVAL.result();
        }
        edit.claim(address, end);
        Vma first = edit.firstIn(address, end);
        if (first == null) {
            return Errno.ENOMEM.result();
        }
        long start = address;
        if (grows == Protection.GROWSDOWN) {
            start = first.start();
            edit.claim(start, end);
            if (!first.has(VmaFlags.GROWSDOWN)) {
                return Errno.EINVAL.result();
            }
        } else if (Long.compareUnsigned(first.start(), address) > 0) {
            return Errno.ENOMEM.result();
        } else if (grows == Protection.GROWSUP) {
            // No mapping grows up on x86.
            return Errno.EINVAL.result();
        }
        long reached = start;
        for (Vma vma = first; vma != null; vma = edit.firstIn(reached, end)) {
            if (Long.compareUnsigned(vma.start(), reached) > 0) {
                return Errno.ENOMEM.result();
            }
            long changed = protect(edit, vma, reached, Edit.lower(vma.end(), end), Mmap.protectionFlags(wanted));
            if (Errno.isError(changed)) {
                return changed;
            }
            reached = changed;
        }
        return Long.compareUnsigned(reached, end) < 0 ? Errno.ENOMEM.result() : DONE;
    }

    /** Changes the part of one VMA in a range; returns the end of the VMA that covers it now, or a negated errno. */
    private static long protect(Edit edit, Vma vma, long start, long end, long access) {
        long flags = (vma.flags() & ~VmaFlags.ACCESS) | access;
        if ((flags & ~(flags >> MAY_SHIFT) & VmaFlags.ACCESS) != 0) {
            return Errno.EACCES.result();
        }
        if (vma.has(VmaFlags.SEALED)) {
            return Errno.EPERM.result();
        }
        if (flags == vma.flags()) {
            return vma.end();
        }
        long pages = edit.geometry.pages(end - start);
        if ((flags & VmaFlags.WRITE) != 0) {
            if (!edit.limits.mayExpand(edit.counters, flags, pages)
                    && edit.limits.mayExpand(edit.counters, vma.flags(), pages)) {
                return Errno.ENOMEM.result();
            }
            if (!vma.hasAny(NOT_TO_CHARGE)) {
                if (!edit.charge(pages)) {
                    return Errno.ENOMEM.result();
                }
                flags |= VmaFlags.ACCOUNT;
            }
        } else if (vma.isAnonymous() && vma.anonIdentity() == null) {
            // Memory that was never written need not stay charged.
            flags &= ~VmaFlags.ACCOUNT;
        }
        long changed = MergeRules.change(edit, vma, start, end, flags);
        if ((vma.flags() & ~flags & VmaFlags.ACCESS) != 0 && !Errno.isError(changed)) {
            edit.narrow(start, end);
        }
        long lockedPrivate = vma.flags() & (VmaFlags.WRITE | VmaFlags.SHARED | VmaFlags.LOCKED);
        if (lockedPrivate == VmaFlags.LOCKED && (flags & VmaFlags.WRITE) != 0 && !Errno.isError(changed)) {
            edit.populate(Populate.Kind.BEST_EFFORT, start, end);
        }
        return changed;
    }

    public static long mseal(Edit edit, long address, long length, long flags) {
        Geometry geometry = edit.geometry;
        long rounded = geometry.roundUp(length);
        long end = address + rounded;
        if (flags != 0
                || !geometry.isAligned(address)
                || (length != 0 && rounded == 0)
                || Long.compareUnsigned(end, address) < 0) {
            return Errno.EINVAL.result();
        }
        if (rounded == 0) {
            return DONE;
        }
        edit.claim(address, end);
        if (hasHole(edit, address, end)) {
            return Errno.ENOMEM.result();
        }
        long reached = address;
        for (Vma vma = edit.firstIn(address, end); vma != null; vma = edit.firstIn(reached, end)) {
            if (vma.has(VmaFlags.SEALED)) {
                reached = vma.end();
                continue;
            }
            long changed =
                    MergeRules.change(edit, vma, reached, Edit.lower(vma.end(), end), vma.flags() | VmaFlags.SEALED);
            if (Errno.isError(changed)) {
                return changed;
            }
            reached = changed;
        }
        return DONE;
    }

    private static boolean hasHole(Edit edit, long start, long end) {
        long reached = start;
        while (Long.compareUnsigned(reached, end) < 0) {
            Vma vma = edit.at(reached);
            if (vma == null) {
                return true;
            }
            reached = vma.end();
        }
        return false;
    }
}
