// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

/**
 * A callback between publication and completion for the pages that an operation has removed, moved or narrowed.
 *
 * <p>It runs on the operation's thread, or for an asynchronous operation on a thread of the machine, without any lock.
 * An exception is reported, and the operation completes all the same. An operation that it calls and that would have to
 * wait for a range in flight throws {@link IllegalStateException} instead.
 */
public interface RetirementHook {
    /** No callback. */
    RetirementHook NOTHING = transit -> {};

    /** Called once per operation in flight, after its notifiers. */
    void retire(InFlightRange transit);
}
