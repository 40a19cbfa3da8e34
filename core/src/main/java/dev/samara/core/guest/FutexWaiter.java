// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import dev.samara.core.internal.guest.QueuedWaiter;

/**
 * One wait at a futex word, for an embedder that parks its threads itself, runs many threads of a guest on few threads,
 * or waits at several words at a time. {@link FutexTable#await} is the simple form. {@link FutexTable#newWaiter} makes
 * it.
 *
 * <p>The thread of the guest calls {@link #queue}. If that returns 0, the thread looks at {@link #isQueued} before it
 * parks and each time that it is resumed, and leaves by {@link #unqueue} however its wait ends. A waiter that stays in
 * the table takes wakes away from others.
 *
 * <p>{@link #queue} is for the thread that owns the CPU. The others are thread-safe.
 */
public abstract sealed class FutexWaiter permits QueuedWaiter {
    /** Only for the library. */
    protected FutexWaiter() {}

    /**
     * Enters the table if the word has the expected number. The comparison and the entry are one step for all wakes: a
     * thread that stores another number and then wakes finds the waiter, or the waiter finds the number.
     *
     * <p>Any access of the call may fault, and wait like one; no lock of the table is held then.
     *
     * @param memory of the CPU of the guest's thread
     * @param address of the word of 4 bytes
     * @param isShared whether the word may be shared between processes, that is, the call lacks {@code
     *     FUTEX_PRIVATE_FLAG}
     * @param expected the number
     * @return 0 if the waiter is in the table. Else a negated errno, and it is not: EAGAIN if the word has another
     *     number; EINVAL if the address is not a multiple of 4, or the waiter has no bits; EFAULT if the word cannot be
     *     read, or is shared and on a private page that cannot be written; ENOMEM if there is no memory for its page;
     *     EINTR if the thread was interrupted and would have waited for the page (the flag stays set)
     * @throws IllegalStateException if the waiter was in the table before
     * @throws IllegalArgumentException if the space of the CPU is of another machine than the table
     */
    public abstract long queue(GuestMemory memory, long address, boolean isShared, int expected);

    /**
     * Returns whether the waiter is in the table. Once this is false after a successful {@link #queue} it stays so, and
     * {@link #isWoken} has its last value.
     *
     * @return true from a successful {@link #queue} to the wake, the {@link #unqueue} or the end of the space
     */
    public abstract boolean isQueued();

    /**
     * Returns whether a wake has taken the waiter out of the table.
     *
     * @return false if it was never in the table, is in it, left by {@link #unqueue}, or its space has ended
     */
    public abstract boolean isWoken();

    /**
     * Leaves the table, wherever a requeue has moved the waiter to. Does nothing if it is not there.
     *
     * @return {@link #isWoken}. If true, a wake counts this waiter, so the wait has succeeded even if its time was over
     */
    public abstract boolean unqueue();
}
