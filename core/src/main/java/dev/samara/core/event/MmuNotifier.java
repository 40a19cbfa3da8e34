// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

/**
 * Who keeps something of its own for what is mapped, page tables or translated code, and has to drop it before the
 * addresses are used again ({@code mmu_notifier_ops}).
 *
 * <p><b>When.</b> Told of each range in which an operation has unmapped, replaced or moved something, or taken rights
 * away: after that is published, so that look-ups find the new layout already, and before the operation is complete.
 * Until all notifiers have returned, nothing is placed in the range and who names it waits; so what is dropped here
 * cannot be meant for what is mapped there next, and what is filled in from a look-up that begins after the call is not
 * out of date. Who fills in beside the call has to order that itself. With early reuse another mapping may be there
 * already, which {@code resolve} does not let through yet. What gains rights, grows, is cut or joined is not told, nor
 * is what a fork copies.
 *
 * <p><b>Threads.</b> Called by the thread of the operation; for an asynchronous one by a thread of the machine.
 * Operations in different ranges call at the same time. A range in several pieces makes several calls.
 *
 * <p><b>Freedom.</b> No lock is held. It may look up, keep and change what it likes in any address space, and may
 * block: the operation takes as long, and so do those that name its range; nobody else waits. What would itself have to
 * wait for a range in transit throws {@link IllegalStateException}.
 *
 * <p><b>Failure.</b> What it throws is reported to the machine's reporter; other ranges and other notifiers are told
 * all the same, and the operation completes.
 */
@FunctionalInterface
public interface MmuNotifier {
    /**
     * What was known of a range is out of date.
     *
     * @param start the first address
     * @param end behind the last address
     * @param reason what has become of it
     */
    void invalidate(long start, long end, Reason reason);

    /** What has become of a range. */
    enum Reason {
        /** What was mapped there is not any more; if the same operation maps something there, REPLACED follows. */
        UNMAPPED,
        /** Another mapping is there now, or one with other pages; {@code resolve} waits for it. */
        REPLACED,
        /** The same is mapped there, with other pages or none. */
        DISCARDED,
        /** The same is mapped there with fewer rights. */
        PROTECTED,
        /** The same is mapped there, but accesses are to be noticed anew; only flush listeners are told of that. */
        OBSERVED
    }
}
