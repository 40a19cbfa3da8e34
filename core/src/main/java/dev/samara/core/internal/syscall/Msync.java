// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.op.Call;
import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.SyncFlags;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;

/** {@code msync} ({@code mm/msync.c}): the errors that depend on the layout; nothing is written back yet. */
public record Msync(long address, long length, int flags) implements Call {
    private static final int KNOWN = SyncFlags.ASYNC | SyncFlags.INVALIDATE | SyncFlags.SYNC;

    public static long msync(Layout layout, long address, long length, int flags) {
        return Syscall.run(layout, new Msync(address, length, flags));
    }

    @Override
    public long decide(Edit edit) {
        Geometry geometry = edit.geometry;
        boolean both = (flags & SyncFlags.ASYNC) != 0 && (flags & SyncFlags.SYNC) != 0;
        if ((flags & ~KNOWN) != 0 || !geometry.isAligned(address) || both) {
            return Errno.EINVAL.result();
        }
        long end = address + geometry.roundUp(length);
        if (Addresses.isBelow(end, address)) {
            return Errno.ENOMEM.result();
        }
        if (end != address) {
            edit.claim(address, end);
        }
        // Also of earlier parts.
        long result = edit.note();
        long reached = edit.partStart(address);
        while (Addresses.isBelow(reached, end)) {
            VmArea vma = edit.firstIn(reached, end);
            if (vma == null) {
                return Errno.ENOMEM.result();
            }
            if (edit.endsPartAt(reached)) {
                edit.note(result);
                return result;
            }
            if (Addresses.isBelow(reached, vma.start())) {
                if (flags == SyncFlags.ASYNC) {
                    return Errno.ENOMEM.result();
                }
                result = Errno.ENOMEM.result();
            }
            if ((flags & SyncFlags.INVALIDATE) != 0 && vma.has(VmaFlags.LOCKED)) {
                return Errno.EBUSY.result();
            }
            reached = vma.end();
        }
        return result;
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
        return Call.text("msync", address, length, flags);
    }
}
