// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static dev.samara.core.internal.op.Edit.DONE;

import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.Operation;
import dev.samara.core.internal.op.Operation.Call;
import dev.samara.core.internal.op.Operation.PopulateRange;
import dev.samara.core.internal.op.VmaMerge;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.syscall.Syscall.VmaChange;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;

/** {@code mprotect} ({@code mm/mprotect.c}). */
public record Mprotect(long address, long length, int protection) implements Call, VmaChange {
    private static final int GROWS = Mman.PROT_GROWSDOWN | Mman.PROT_GROWSUP;
    private static final int KNOWN = Mman.READ | Mman.WRITE | Mman.EXEC | Mman.SEM;

    /** The distance in bits from a VMA's rights to its MAY rights. */
    private static final int MAY_SHIFT = 4;

    /** Flags of memory that is not charged when it becomes writable, or is charged already. */
    private static final long NOT_TO_CHARGE =
            VmaFlags.ACCOUNT | VmaFlags.WRITE | VmaFlags.HUGETLB | VmaFlags.SHARED | VmaFlags.NORESERVE;

    /** With a GROWS flag, the range extends to the end of the stack, which may be anywhere. */
    @Override
    public long from(Layout layout) {
        return (protection & GROWS) != 0 ? 0 : address;
    }

    @Override
    public long to(Layout layout) {
        return (protection & GROWS) != 0 ? -1 : Addresses.endOf(address, length);
    }

    /** Changes VMA by VMA; if one fails, the earlier changes stay, as on Linux. */
    @Override
    public long decide(Edit edit) {
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
        if (!Addresses.isBelow(address, end)) {
            return Errno.ENOMEM.result();
        }
        if ((wanted & ~KNOWN) != 0) {
            return Errno.EINVAL.result();
        }
        edit.claim(address, end);
        if (edit.isContinued()) {
            return Syscall.walk(edit, address, end, true, this);
        }
        VmArea first = edit.firstIn(address, end);
        if (first == null) {
            return Errno.ENOMEM.result();
        }
        long start = address;
        if (grows == Mman.PROT_GROWSDOWN) {
            start = first.start();
            edit.claim(start, end);
            if (!first.has(VmaFlags.GROWSDOWN)) {
                return Errno.EINVAL.result();
            }
        } else if (Addresses.isBelow(address, first.start())) {
            return Errno.ENOMEM.result();
        } else if (grows == Mman.PROT_GROWSUP) {
            // Refused, because no mapping grows up on x86.
            return Errno.EINVAL.result();
        }
        return Syscall.walk(edit, start, end, true, this);
    }

    @Override
    public long change(Edit edit, VmArea vma, long start, long end) {
        long flags = (vma.flags() & ~VmaFlags.ACCESS) | Mmap.protectionFlags(protection & ~GROWS);
        if ((flags & ~(flags >> MAY_SHIFT) & VmaFlags.ACCESS) != 0 || edit.layout.deniesExec(vma.flags(), flags)) {
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
            if (!edit.district.limits.mayExpand(edit.counters, flags, pages)
                    && edit.district.limits.mayExpand(edit.counters, vma.flags(), pages)) {
                return Errno.ENOMEM.result();
            }
            if (!vma.hasAny(NOT_TO_CHARGE)) {
                if (!edit.charge(pages)) {
                    return Errno.ENOMEM.result();
                }
                flags |= VmaFlags.ACCOUNT;
            }
        } else if (vma.isAnonymous() && vma.anonVma() == null) {
            // Memory that was never written need not stay charged.
            flags &= ~VmaFlags.ACCOUNT;
        }
        long changed = VmaMerge.change(edit, vma, start, end, flags);
        if ((vma.flags() & ~flags & VmaFlags.ACCESS) != 0 && !Errno.isError(changed)) {
            edit.narrow(start, end);
        }
        long lockedPrivate = vma.flags() & (VmaFlags.WRITE | VmaFlags.SHARED | VmaFlags.LOCKED);
        if (lockedPrivate == VmaFlags.LOCKED && (flags & VmaFlags.WRITE) != 0 && !Errno.isError(changed)) {
            populate(edit, start, end);
        }
        return changed;
    }

    /**
     * Requests population of locked memory that became writable. Linux faults it in before it changes the next VMA,
     * whose merge depends on the anon_vma that this VMA gets with its first page. So the anon_vma is set here, and the
     * pages are faulted in when the call is complete.
     */
    private static void populate(Edit edit, long start, long end) {
        edit.populate(PopulateRange.Kind.BEST_EFFORT, start, end);
        VmArea changed = edit.at(start);
        if (edit.layout.memoryOrNull() != null
                && changed != null
                && changed.anonVma() == null
                && !changed.hasAny(VmaFlags.LOCKONFAULT | VmaFlags.IO | VmaFlags.PFNMAP)) {
            changed.adoptAnonVma(VmaMerge.anonVmaFor(edit, changed));
        }
    }

    @Override
    public void revoke(Operation operation) {
        if ((protection & GROWS) != 0) {
            // The call extends its range to an end of the stack, which is not known here, so the whole space is
            // recorded.
            operation.revokeAll();
        } else {
            operation.revoke(address, length);
        }
    }

    @Override
    public String toString() {
        return Call.text("mprotect", address, length, protection);
    }
}
