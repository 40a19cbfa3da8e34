// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

/**
 * How an operation's attempt ended. {@link Operation} decides from this alone what to do before the next attempt. Every
 * attempt that is not {@link #DONE} or {@link #BATCH_DONE} was dropped without effect.
 */
enum AttemptOutcome {
    /** The whole operation is published or refused. No attempt follows. */
    DONE,

    /** A batch of the call is published, and more batches follow. */
    BATCH_DONE,

    /** The attempt overlaps a range in flight or a ticket, whose gate must open before the next attempt. */
    MUST_WAIT,

    /** The attempt locked a part of the layout and needs more, so the next attempt locks the whole layout. */
    NEEDS_WHOLE,

    /** The call visits more VMAs than one hold of the lock should, so it keeps its ranges and publishes in batches. */
    NEEDS_BATCHES,

    /** The retirement lacks a resource, which is acquired without the lock. */
    LACKS_RESOURCE,

    /** A backing must be asked, without the lock. */
    MUST_ASK
}
