// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.op.Call;
import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.Operation;
import dev.samara.core.internal.op.VmaMerge;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.syscall.Syscall.RangeCall;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.PendingCall;
import dev.samara.core.vma.Geometry;

/** {@code munmap} ({@code do_vmi_munmap} in {@code mm/vma.c}); {@link VmaMerge} cuts and unmaps. */
public record Munmap(long address, long length) implements RangeCall {
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
        return VmaMerge.cutAndUnmap(edit, address, end);
    }

    @Override
    public void revoke(Operation operation) {
        operation.revoke(address, length);
    }

    @Override
    public boolean isMunmap() {
        return true;
    }

    @Override
    public String toString() {
        return Call.text("munmap", address, length);
    }
}
