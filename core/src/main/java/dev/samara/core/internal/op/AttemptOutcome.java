// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

/**
 * How an operation's attempt ended. {@link Operation} decides from this alone what to do before the next attempt. Every
 * attempt that is not {@link #DONE} or {@link #BATCH_DONE} was dropped without effect.
 */
enum AttemptOutcome {
    /** The whole operation is published, or it is refused. No attempt follows. */
    DONE,

    /** A batch of the call is published, and others follow. */
    BATCH_DONE,

    /** The attempt has met a range in flight or a ticket: its gate must be open before the next one. */
    MUST_WAIT,

    /** The attempt had locked a part of the layout and needs more: the next one has the whole layout. */
    NEEDS_WHOLE,

    /** The call has more VMAs to look at than one hold of the lock should: it keeps its ranges for batches. */
    NEEDS_BATCHES,

    /** The retirement lacks a resource, which is taken without the lock. */
    LACKS_RESOURCE,

    /** A backing must be asked, which is done without the lock. */
    MUST_ASK
}
