// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

import org.jspecify.annotations.Nullable;

/**
 * Something that went wrong where no caller could be told, or that somebody should look at.
 *
 * @param kind what sort of thing
 * @param message what happened, and where
 * @param cause what was thrown, or null
 */
public record Report(Kind kind, String message, @Nullable Throwable cause) {

    /** What sort of thing is reported. */
    public enum Kind {
        /** A thread has waited for an operation in transit longer than was set; it goes on waiting. */
        LONG_WAIT,
        /** A callback threw: a backing's close, a listener, the retiring of an operation. */
        CALLBACK_FAILED,
        /** A listener was so slow that changes were not delivered to it. */
        CHANGES_LOST,
        /** An operation's retirement has failed: its range stays in flight, and it is tried again until it succeeds. */
        RETIREMENT_FAILED,
        /** The frame store has thrown when a frame was freed: nobody gets the frame any more. */
        FRAME_QUARANTINED,
        /** A checked machine has seen an access that an invariant forbids; see {@link InvariantViolation}. */
        INVARIANT_BROKEN
    }
}
