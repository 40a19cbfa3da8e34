// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import dev.samara.core.internal.space.Layout;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;

/**
 * The range that an operation faults in after it is complete ({@code mm_populate}). No range is in flight then and the
 * thread holds no lock, so this may take as long as backings do.
 *
 * @param kind the call that asks
 * @param start a page boundary
 * @param end a page boundary above the start, exclusive
 */
public record Populate(Kind kind, long start, long end) {
    /** The call that asks. */
    public enum Kind {
        /** For {@code MAP_POPULATE}, or because a new or grown mapping is locked: as many pages as possible. */
        BEST_EFFORT,
        /** For {@code mlock}. */
        LOCK,
        /** For {@code MADV_POPULATE_READ}. */
        READ,
        /** For {@code MADV_POPULATE_WRITE}. */
        WRITE
    }

    /** Faults in ranges of a space, on a fault handler of the calling thread. */
    @FunctionalInterface
    public interface Populator {
        /**
         * Faults in a range, half-open. Waits like a fault. The caller is in no reader section and holds no lock.
         *
         * @param layout the space
         * @param start a page boundary
         * @param end a page boundary, exclusive
         * @param access bits of {@link Protection}; 0 to write to private memory that permits writing, and to read the
         *     rest
         * @return a {@link Fault}
         */
        int populate(Layout layout, long start, long end, int access);
    }

    /** Faults the range in. Returns the operation's result, or the error if this fails. */
    public long run(Layout layout, long result) {
        int access = kind == Kind.READ ? Protection.READ : kind == Kind.WRITE ? Protection.WRITE : 0;
        int fault = layout.host().populator().populate(layout, start, end, access);
        if (Errno.isError(result)) {
            // The part of the range before the operation's failure is faulted in nevertheless.
            return result;
        }
        if (Fault.isDone(fault) || kind == Kind.BEST_EFFORT) {
            return result;
        }
        if (fault == Fault.RETRY) {
            return Errno.EINTR.result();
        }
        if (kind == Kind.LOCK) {
            // Like __mlock_posix_error_return.
            return (fault == Fault.OOM ? Errno.EAGAIN : Errno.ENOMEM).result();
        }
        // The operation has checked for holes; a hole made since looks like a guard.
        return (fault == Fault.OOM ? Errno.ENOMEM : Errno.EFAULT).result();
    }
}
