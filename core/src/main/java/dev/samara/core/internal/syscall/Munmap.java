// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.Operation;
import dev.samara.core.internal.op.Operation.Call;
import dev.samara.core.internal.op.VmaMerge;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.syscall.Syscall.RangeCall;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.Geometry;

/** {@code munmap} ({@code do_vmi_munmap} in {@code mm/vma.c}); {@link VmaMerge} cuts and unmaps. So ends a space. */
public record Munmap(long address, long length) implements RangeCall {
    /**
     * Closes a layout that no longer has a user, and unmaps and uncharges all VMAs. A second call only unhooks tables.
     */
    public static void close(Layout layout) {
        if (!layout.isClosed()) {
            long result = Syscall.run(layout, new ExitMmap());
            if (Errno.isError(result)) {
                throw new IllegalStateException("a space could not be emptied: " + Errno.of(result));
            }
        }
        layout.unhookTables();
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

    /**
     * The teardown of a space ({@code exit_mmap} in {@code mm/mmap.c}): closes the space to calls, and unmaps all VMAs,
     * even sealed ones.
     */
    private record ExitMmap() implements Call {
        @Override
        public long decide(Edit edit) {
            edit.claim(0, edit.geometry.limit());
            VmaMerge.unmap(edit, 0, edit.geometry.limit());
            return Edit.DONE;
        }

        @Override
        public void revoke(Operation operation) {
            operation.revokeAll();
        }

        @Override
        public boolean mayBeRefused() {
            return false;
        }

        @Override
        public boolean endsSpace() {
            return true;
        }

        @Override
        public String toString() {
            return "close";
        }
    }
}
