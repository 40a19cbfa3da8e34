// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static dev.samara.core.internal.op.Edit.DONE;

import dev.samara.core.internal.op.Call;
import dev.samara.core.internal.op.CheckedRevocations;
import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.GatheredVmas;
import dev.samara.core.internal.op.MapCount;
import dev.samara.core.internal.op.VmaCut;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.PendingCall;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;
import dev.samara.maple.Cursor;

/** {@code munmap}, and the first half of calls that replace a range ({@code mm/vma.c}). */
public record Munmap(long address, long length) implements Call {
    public static long munmap(Layout layout, long address, long length) {
        return Syscall.run(layout, new Munmap(address, length));
    }

    public static PendingCall munmapAsync(Layout layout, long address, long length) {
        return Syscall.start(layout, new Munmap(address, length));
    }

    @Override
    public long decide(Edit edit) {
        return munmap(edit, address, length);
    }

    static long munmap(Edit edit, long address, long length) {
        Geometry geometry = edit.geometry;
        if (!geometry.isAligned(address)
                || Addresses.isBelow(geometry.limit(), address)
                || Addresses.isBelow(geometry.limit() - address, length)
                || geometry.roundUp(length) == 0) {
            return Errno.EINVAL.result();
        }
        long end = address + geometry.roundUp(length);
        edit.claim(address, end);
        return unmap(edit, address, end);
    }

    /** Unmaps a range whose bounds are valid. */
    static long unmap(Edit edit, long start, long end) {
        long result = cutAndGather(edit, start, end);
        if (result == DONE) {
            GatheredVmas.unmap(edit, false);
        }
        return result;
    }

    /** Unmaps a range that the caller has mapped elsewhere. The backing was already asked whether it may be cut out. */
    static void unmapMoved(Edit edit, long start, long end) {
        cutAt(edit, start);
        cutAt(edit, end);
        GatheredVmas.gather(edit, edit.firstIn(start, end), end);
        GatheredVmas.unmap(edit, true);
    }

    private static void cutAt(Edit edit, long address) {
        VmArea vma = edit.at(address);
        if (vma != null && vma.start() != address) {
            VmaCut.cut(edit, vma, address);
        }
    }

    /**
     * Cuts the VMAs at both ends of a range, and gathers its VMAs, so that they can be unmapped or replaced ({@code
     * vms_gather_munmap_vmas}). The VMA that the range is found by is not looked up again, unless it is cut at the end.
     *
     * <p>If the range has a sealed VMA, a cut at the start remains, as on Linux.
     *
     * @return 0 or a negated errno
     */
    static long cutAndGather(Edit edit, long start, long end) {
        VmArea first = edit.firstIn(start, end);
        if (first == null) {
            GatheredVmas.gather(edit, null, end);
            return DONE;
        }
        if (Addresses.isBelow(first.start(), start)) {
            // Only a hole in the middle of one VMA leaves more mappings than before.
            if (Addresses.isBelow(end, first.end()) && !MapCount.mayGrow(edit, 1)) {
                return Errno.ENOMEM.result();
            }
            if (first.has(VmaFlags.SEALED)) {
                return Errno.EPERM.result();
            }
            Errno refusal = VmaCut.refusal(edit, first, start);
            if (refusal != null) {
                return refusal.result();
            }
            first = VmaCut.cut(edit, first, start);
        }
        if (edit.counters.sealed != 0 && hasSealed(edit, start, end)) {
            return Errno.EPERM.result();
        }
        VmArea last = Addresses.isBelow(first.end(), end) ? edit.at(end - 1) : first;
        if (last != null && Addresses.isAbove(last.end(), end)) {
            Errno refusal = VmaCut.refusal(edit, last, end);
            if (refusal != null) {
                return refusal.result();
            }
            VmaCut.cut(edit, last, end);
            if (last == first) {
                first = edit.firstIn(start, end);
            }
        }
        GatheredVmas.gather(edit, first, end);
        return DONE;
    }

    private static boolean hasSealed(Edit edit, long start, long end) {
        VmArea vma = edit.firstIn(start, end);
        Cursor<VmArea> cursor = edit.cursorFrom(vma, end);
        while (vma != null && !vma.has(VmaFlags.SEALED)) {
            vma = Edit.next(cursor, end);
        }
        return vma != null;
    }

    @Override
    public void revoke(CheckedRevocations revocations) {
        revocations.add(address, length);
    }

    @Override
    public boolean isMunmap() {
        return true;
    }

    @Override
    public long from(Layout layout) {
        return address;
    }

    @Override
    public long to(Layout layout) {
        return Addresses.endOf(address, length);
    }

    @Override
    public String toString() {
        return Call.text("munmap", address, length);
    }
}
