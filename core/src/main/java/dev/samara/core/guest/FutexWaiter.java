// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import dev.samara.core.internal.guest.FutexBuckets.QueuedWaiter;

/**
 * One wait on a futex word, for an embedder that parks its threads itself, runs many threads of a guest on few threads,
 * or waits on several words at a time. {@link FutexTable#await} is the simple form. {@link FutexTable#newWaiter}
 * creates a waiter.
 *
 * <p>The guest's thread calls {@link #queue}. If that returns 0, the thread must check {@link #isQueued} before it
 * parks and each time that it is resumed, and must call {@link #unqueue} at the end of its wait, whatever ended it. A
 * waiter that stays in the table consumes wakes that are meant for others.
 *
 * <p>Only the thread that owns the CPU may call {@link #queue}. The other methods are thread-safe.
 */
public abstract sealed class FutexWaiter permits QueuedWaiter {
    /** Only for the library. */
    protected FutexWaiter() {}

    /**
     * Enters the table if the word contains the expected number. To concurrent wakes, the comparison and the entry are
     * atomic: if a thread stores another number and then wakes, either its wake finds the waiter, or the comparison
     * finds the new number.
     *
     * <p>The accesses of the call may fault, and may wait while the fault is handled. The call holds no lock of the
     * table then.
     *
     * @param memory of the CPU of the guest's thread
     * @param address of the word of 4 bytes
     * @param isShared whether the word may be shared between processes, that is, the call lacks {@code
     *     FUTEX_PRIVATE_FLAG}
     * @param expected the number
     * @return 0 if the waiter entered the table; otherwise a negated errno: EAGAIN if the word contains another number;
     *     EINVAL if the address is not a multiple of 4, or the waiter has no bits; EFAULT if the word cannot be read,
     *     or is shared and on a private page that cannot be written; ENOMEM if there is no memory for its page; EINTR
     *     as for the calls of {@link FutexTable} (the flag stays set)
     * @throws IllegalStateException if the waiter entered a table before
     * @throws IllegalArgumentException if the CPU's space and the table belong to different machines
     */
    public abstract long queue(GuestMemory memory, long address, boolean isShared, int expected);

    /**
     * Returns whether the waiter is in the table. Once this is false after a successful {@link #queue}, it stays false,
     * and the result of {@link #isWoken} is final.
     *
     * @return true from a successful {@link #queue} to the wake, the {@link #unqueue} or the end of the space
     */
    public abstract boolean isQueued();

    /**
     * Returns whether a wake removed the waiter from the table.
     *
     * @return false if the waiter was never in the table, is still in it, left it by {@link #unqueue}, or was removed
     *     because its space ended
     */
    public abstract boolean isWoken();

    /**
     * Removes the waiter from the table, even if a requeue moved it to another word. Does nothing if the waiter is not
     * in the table.
     *
     * @return the result of {@link #isWoken}: if true, a wake counted this waiter, so the wait succeeded even if its
     *     time was over
     */
    public abstract boolean unqueue();
}
