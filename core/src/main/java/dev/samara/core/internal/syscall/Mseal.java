// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static dev.samara.core.internal.op.Edit.DONE;

import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.Operation.Call;
import dev.samara.core.internal.op.VmaMerge;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.syscall.Syscall.RangeCall;
import dev.samara.core.internal.syscall.Syscall.VmaChange;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.VmaFlags;

/**
 * {@code mseal} ({@code mm/mseal.c}): sets the flag SEALED. The calls that must not change a sealed VMA check the flag:
 * calls that unmap or replace a range check it in {@link dev.samara.core.internal.op.VmaMerge#cutAndGather}; the
 * others are {@link Mprotect}, {@link Madvise}, {@link MremapVma} and {@link Shm}.
 */
public record Mseal(long address, long length, long flags) implements RangeCall, VmaChange {
    @Override
    public long decide(Edit edit) {
        if (flags != 0 || !isRange(edit.geometry)) {
            return Errno.EINVAL.result();
        }
        long end = end(edit.geometry);
        if (end == address) {
            return DONE;
        }
        edit.claim(address, end);
        if (!edit.isBatched() && hasHole(edit, address, end)) {
            return Errno.ENOMEM.result();
        }
        return Syscall.walk(edit, address, end, true, this);
    }

    @Override
    public long change(Edit edit, VmArea vma, long start, long end) {
        return vma.has(VmaFlags.SEALED)
                ? vma.end()
                : VmaMerge.change(edit, vma, start, end, vma.flags() | VmaFlags.SEALED);
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
        long end = end(layout.geometry);
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
