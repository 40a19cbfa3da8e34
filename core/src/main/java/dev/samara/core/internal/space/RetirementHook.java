// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

/**
 * What is done between publication and completion to the pages that an operation has taken away, moved or narrowed.
 *
 * <p>It runs on the operation's thread, or for an asynchronous one on a thread of the machine, without any lock. What
 * it throws is reported, and the operation completes all the same. An operation that it calls and that would have to
 * wait for a range in transit throws {@link IllegalStateException} instead.
 */
public interface RetirementHook {
    /** There are no pages. */
    RetirementHook NOTHING = transit -> {};

    /**
     * Does it.
     *
     * @param transit which ranges, and what for
     */
    void retire(InFlightRange transit);
}
