// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

import dev.samara.core.annotation.Experimental;
import org.jspecify.annotations.Nullable;

/**
 * A failure that cannot be returned to a caller, or a condition that needs attention.
 *
 * @param kind the kind of the report
 * @param message the event and its place
 * @param cause the exception, or null
 */
public record Report(Kind kind, String message, @Nullable Throwable cause) {

    /** The kind of a report. */
    public enum Kind {
        /**
         * A wait for an operation in flight, a grace period or a CPU has exceeded its configured time, and continues;
         * or a checked call of {@code rcuMapPages} took too long.
         */
        LONG_WAIT,
        /**
         * A callback (a backing, a listener, a notifier, a borrower's {@code letGo}, a shootdown delivery, a victim
         * score or the resumption of a futex waiter), a background task of the machine, or an operation's retire phase
         * threw an exception.
         */
        CALLBACK_FAILED,
        /**
         * A CPU has borrowed a space for longer than the configured time, and the borrow continues. The message names
         * the CPU's thread.
         */
        @Experimental
        LONG_BORROW,
        /**
         * A CPU has made 10,000 plain accesses through a {@link dev.samara.core.guest.FlatMemory} outside GUEST, and
         * has not entered GUEST in between. Each of these accesses entered and left GUEST, which takes tens of times as
         * long as an access in GUEST. Reported once per machine, with the thread's stack; {@link
         * dev.samara.core.CpuStatistics#accessesOutsideGuest} counts all such accesses.
         */
        ACCESSES_OUTSIDE_GUEST,
        /** A reference to a space became unreachable without a close; the machine released it. */
        REFERENCE_LOST,
        /**
         * A CPU became unreachable without a close, while its thread is alive. The machine took it offline, and ended
         * its {@linkplain dev.samara.core.Cpu#use borrow}.
         */
        CPU_LOST,
        /**
         * A {@link dev.samara.core.Checkpoint} became unreachable without a close, while its space goes on. The machine
         * closed it.
         */
        @Experimental
        CHECKPOINT_LOST,
        /** A listener was too slow, and changes were not delivered to it. */
        CHANGES_LOST,
        /**
         * An operation's retire phase failed, and its range stays in flight; or the teardown of a space failed. The
         * phase or the teardown is retried until it succeeds.
         */
        RETIREMENT_FAILED,
        /**
         * The machine took private pages from a space, because a fault found no free frame; see {@link
         * dev.samara.core.MachineBuilder#lowMemory}.
         */
        @Experimental
        SPACE_REAPED,
        /**
         * A host file could not be saved at its last close, by {@code Machine.sync}, or when the machine was closed; or
         * an earlier write of its dirty pages failed for lack of memory or stack. The message contains the path, the
         * error, the number of dirty pages and the offset of the first one; the cause is a {@link
         * dev.samara.core.backing.HostFileException}, unless the host or the frame store threw another exception. The
         * pages stay in memory, unless {@code dropFailedWrites} is set: the next open of the file uses them, and
         * periodic writes and each {@code Machine.close} retry. Pages that are not saved when the JVM exits are lost.
         * This kind also reports that the host failed to close the channel of a file that was open for writing and is
         * no longer in memory.
         */
        FILE_NOT_SAVED,
        /** The frame store threw when a frame was freed; the frame is never reused. */
        FRAME_QUARANTINED,
        /** An access on a checked machine broke an invariant; see {@link InvariantViolation}. */
        INVARIANT_BROKEN
    }
}
