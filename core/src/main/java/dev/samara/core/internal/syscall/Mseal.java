// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static dev.samara.core.internal.op.Edit.DONE;

import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.Operation.Call;
import dev.samara.core.internal.op.VmaMerge;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.syscall.Syscall.RangeCall;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;

/**
 * {@code mseal} ({@code mm/mseal.c}): sets the flag SEALED. The calls that must not change a sealed VMA check the flag:
 * calls that unmap or replace a range check it in {@link dev.samara.core.internal.op.VmaMerge#cutAndGather}; the
 * others are {@link Mprotect}, {@link Madvise}, {@link MremapVma} and {@link Shm}.
 */
public record Mseal(long address, long length, long flags) implements RangeCall {
    @Override
    public long decide(Edit edit) {
        Geometry geometry = edit.geometry;
        long rounded = geometry.roundUp(length);
        long end = address + rounded;
        if (flags != 0
                || !geometry.isAligned(address)
                || (length != 0 && rounded == 0)
                || Addresses.isBelow(end, address)) {
            return Errno.EINVAL.result();
        }
        if (rounded == 0) {
            return DONE;
        }
        edit.claim(address, end);
        if (!edit.isBatched() && hasHole(edit, address, end)) {
            return Errno.ENOMEM.result();
        }
        edit.beginPass();
        long reached = edit.partStart(address);
        for (VmArea vma = edit.firstIn(reached, end); vma != null; vma = edit.firstIn(reached, end)) {
            if (edit.endsBatchAt(reached)) {
                return DONE;
            }
            if (vma.has(VmaFlags.SEALED)) {
                reached = vma.end();
                continue;
            }
            long changed =
                    VmaMerge.change(edit, vma, reached, Addresses.lower(vma.end(), end), vma.flags() | VmaFlags.SEALED);
            if (Errno.isError(changed)) {
                return changed;
            }
            reached = changed;
        }
        return DONE;
    }

    private static boolean hasHole(Edit edit, long start, long end) {
        long reached = start;
        while (Addresses.isBelow(reached, end)) {
            VmArea vma = edit.at(reached);
            if (vma == null) {
                return true;
            }
            edit.countVma();
            reached = vma.end();
        }
        return false;
    }

    /** Searches for a hole, because nothing is sealed if there is one. */
    @Override
    public long checkAll(Layout layout) {
        long end = address + layout.geometry.roundUp(length);
        long reached = address;
        while (Addresses.isBelow(reached, end)) {
            VmArea vma = layout.find(reached);
            if (vma == null) {
                return Errno.ENOMEM.result();
            }
            reached = vma.end();
        }
        return DONE;
    }

    @Override
    public String toString() {
        return Call.text("mseal", address, length, flags);
    }
}
