// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.op.Call;
import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.vma.VmaFlags;
import org.jspecify.annotations.Nullable;

/** Runs a call that stores the first VMAs of a layout, and converts its refusals to exceptions. */
final class InitialMappingsCall {
    private InitialMappingsCall() {}

    /** Charges the memory of a VMA that is stored next. */
    static void charge(Edit edit, VmArea copy) {
        if (copy.has(VmaFlags.ACCOUNT) && !edit.charge(edit.pagesOf(copy))) {
            throw new Refused(copy, null);
        }
    }

    /**
     * Runs the call.
     *
     * @throws IllegalArgumentException if a mapping overlaps another one
     * @throws MmException with ENOMEM if the commit limit does not allow a mapping, or with the errno of a backing
     */
    static void run(Layout layout, Call call) {
        try {
            long result = Syscall.run(layout, call);
            if (Errno.isError(result)) {
                throw new MmException(call.toString(), Errno.of(result));
            }
        } catch (Refused refused) {
            VmArea overlapped = refused.overlapped;
            if (overlapped != null) {
                throw new IllegalArgumentException("mapping " + refused.vma + " overlaps " + overlapped);
            }
            throw new MmException(call + " of " + refused.vma, Errno.ENOMEM);
        }
    }

    /**
     * Thrown to leave an attempt and release the lock. A VMA must not be formatted under the lock, because its backing
     * would be called for its name.
     */
    static final class Refused extends RuntimeException {
        private static final long serialVersionUID = 1L;

        private final transient VmArea vma;
        private final transient @Nullable VmArea overlapped;

        Refused(VmArea vma, @Nullable VmArea overlapped) {
            super(null, null, false, false);
            this.vma = vma;
            this.overlapped = overlapped;
        }
    }
}
