// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import dev.samara.core.internal.space.Layout;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;

/**
 * What an operation has faulted in when it is complete ({@code mm_populate}). Nothing is in transit then and no lock is
 * held, so it may take as long as backings do.
 *
 * @param kind what for
 * @param start a page boundary
 * @param end a page boundary above it
 */
public record Populate(Kind kind, long start, long end) {
    /** What for. */
    public enum Kind {
        /** For {@code MAP_POPULATE}, or because what has come or grown is locked: as far as it goes. */
        BEST_EFFORT,
        /** For {@code mlock}. */
        LOCK,
        /** For {@code MADV_POPULATE_READ}. */
        READ,
        /** For {@code MADV_POPULATE_WRITE}. */
        WRITE
    }

    /** Who faults in: the room of faults, which this one does not know. */
    @FunctionalInterface
    public interface Populator {
        /**
         * Faults in a range.
         *
         * @param layout which space
         * @param start a page boundary
         * @param end a page boundary
         * @param access bits of {@link Protection}; 0 to write to private memory that may be written, and to read the
         *     rest
         * @return a {@link Fault}
         */
        int populate(Layout layout, long start, long end, int access);
    }

    /** Returns the operation's result, or what it is if this has failed. */
    public long run(Layout layout, long result) {
        int access = kind == Kind.READ ? Protection.READ : kind == Kind.WRITE ? Protection.WRITE : 0;
        int fault = layout.host().populator().populate(layout, start, end, access);
        if (Errno.isError(result)) {
            // What comes before the failure is faulted in all the same.
            return result;
        }
        if (Fault.isDone(fault) || kind == Kind.BEST_EFFORT) {
            return result;
        }
        if (fault == Fault.RETRY) {
            return Errno.EINTR.result();
        }
        if (kind == Kind.LOCK) {
            // As __mlock_posix_error_return has it.
            return (fault == Fault.OOM ? Errno.EAGAIN : Errno.ENOMEM).result();
        }
        // A hole was looked for before; one that has come since looks like a guard.
        return (fault == Fault.OOM ? Errno.ENOMEM : Errno.EFAULT).result();
    }
}
