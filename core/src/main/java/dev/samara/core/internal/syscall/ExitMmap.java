// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.op.Call;
import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.Operation;
import dev.samara.core.internal.op.VmaMerge;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.mman.Errno;

/**
 * The teardown of a space ({@code exit_mmap} in {@code mm/mmap.c}): closes the space to calls, and unmaps all VMAs,
 * even sealed ones.
 */
public record ExitMmap() implements Call {
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
