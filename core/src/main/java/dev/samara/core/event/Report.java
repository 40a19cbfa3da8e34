// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

import dev.samara.core.annotation.Experimental;
import org.jspecify.annotations.Nullable;

/**
 * A failure that no caller can be given, or a condition that needs attention.
 *
 * @param kind the kind of the report
 * @param message the event and its place
 * @param cause the exception, or null
 */
public record Report(Kind kind, String message, @Nullable Throwable cause) {

    /** The kind of a report. */
    public enum Kind {
        /**
         * A wait has lasted longer than the set time, for an operation in flight, a grace period or a CPU, and
         * continues; or a checked call of {@code rcuMapPages} took too long.
         */
        LONG_WAIT,
        /**
         * An exception was thrown by a callback (a backing, a listener, a notifier, a borrower's {@link LetGo}, a
         * shootdown delivery, a victim score or the resumption of a futex waiter), by a background task of the machine
         * or by the retire phase of an operation.
         */
        CALLBACK_FAILED,
        /** A CPU has borrowed a space for longer than the set time, and goes on: the message names its thread. */
        @Experimental
        LONG_BORROW,
        /** A reference to a space became unreachable and was not closed; the machine has given it up. */
        REFERENCE_LOST,
        /**
         * A CPU became unreachable and was not closed, while its thread lives. The machine has taken it offline, and
         * has ended its {@linkplain dev.samara.core.Cpu#use borrow}.
         */
        CPU_LOST,
        /** A listener was so slow that changes were not delivered to it. */
        CHANGES_LOST,
        /**
         * The retire phase of an operation has failed, and its range stays in flight; or the teardown of a space has
         * failed. It is tried again until it succeeds.
         */
        RETIREMENT_FAILED,
        /**
         * The machine has taken private pages of a space, because a fault found no frame; see {@link
         * dev.samara.core.MachineBuilder#lowMemory}.
         */
        @Experimental
        SPACE_REAPED,
        /**
         * A file of the host could not be saved at its last close, or at the end of the machine, when no caller could
         * be told; or a write of its dirty pages before that found no memory or stack. The pages stay in memory, unless
         * {@code dropFailedWrites} is set: the next open of the file has them, and periodic writes and each {@code
         * Machine.close} try again. What is not saved when the JVM ends is lost. Or the host has failed to close the
         * channel of a file that was open for writing, which is not in memory any more.
         */
        FILE_NOT_SAVED,
        /** The frame store threw when a frame was freed: the frame is never used again. */
        FRAME_QUARANTINED,
        /** An access on a checked machine has broken an invariant; see {@link InvariantViolation}. */
        INVARIANT_BROKEN
    }
}
