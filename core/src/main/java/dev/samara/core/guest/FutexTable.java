// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import dev.samara.core.internal.guest.FutexBuckets;

/**
 * The threads that wait at words of memory, and the calls of {@code futex(2)} that wake and move them. {@link
 * dev.samara.core.Machine#futexes} returns the table of a machine: words in files and in shared memory are one futex in
 * all of its spaces.
 *
 * <p>A word has 4 bytes, in the byte order of the CPU. Calls answer as the system call does, with a number or a negated
 * errno. Each takes {@code isShared}: false if the call of the guest has {@code FUTEX_PRIVATE_FLAG}. Such a word is
 * known by its space and address; another one by its page, which is touched, as a write where the mapping permits it.
 * Errors of an address, for all calls:
 *
 * <ul>
 *   <li>EINVAL if it is not a multiple of 4.
 *   <li>EFAULT if it lies beyond the space, or if the call accesses the word and cannot. A wake of a private word does
 *       not access it.
 *   <li>EFAULT for a shared word on a private page that cannot be written: it never changes.
 *   <li>ENOMEM if there is no memory for the page; EINTR if the thread was interrupted and would have waited for the
 *       page. The flag stays set, and nothing was done.
 * </ul>
 *
 * <p>Calls with the memory of a CPU in a space of another machine throw {@link IllegalArgumentException}, and without a
 * space {@link IllegalStateException}.
 *
 * <p><b>Order.</b> A wake sees each waiter that has compared its word before the waker's store. No wake is lost between
 * the comparison and the sleep. Of the waiters at a word, the one that came first is woken first; a requeue adds to the
 * end.
 *
 * <p><b>Threads.</b> Any number of threads may call a table. A call with a {@link GuestMemory} is for the thread that
 * owns the CPU. In GUEST, all but {@link #await} may be called: like an access, they leave GUEST where they have to
 * handle a fault. They hold a lock for a few steps per waiter, and never while they fault. Callbacks of waiters run on
 * the waking thread, after the lock is released.
 *
 * <p><b>End of a space.</b> A CPU in {@link #await} is a user of its space, which therefore does not end; interrupt
 * the thread. A {@link FutexWaiter} whose space ends is taken out of the table, without a wake, and its callback runs.
 */
public abstract sealed class FutexTable permits FutexBuckets {
    /** All bits, for waits and wakes without a bit set ({@code FUTEX_BITSET_MATCH_ANY}). */
    public static final int ANY = -1;

    /** Waits without a limit of time. */
    public static final long FOREVER = -1;

    /** Only for the library. */
    protected FutexTable() {}

    /**
     * Waits until a wake, if the word has the expected number ({@code FUTEX_WAIT}, {@code FUTEX_WAIT_BITSET}). Parks
     * the thread, outside GUEST. Returns 0 only if a wake has chosen this thread.
     *
     * @param memory of the CPU of the thread
     * @param address of the word
     * @param isShared whether the word may be shared between processes
     * @param expected the number
     * @param bits the wait ends by wakes that have one of these bits; {@link #ANY} for all
     * @param nanos longest time to wait, in nanoseconds; 0 or less to wait for no time, {@link #FOREVER} for any
     * @return 0 after a wake; a negated errno: EAGAIN if the word has another number; ETIMEDOUT; EINTR if the thread is
     *     interrupted, the flag stays set; EINVAL without a bit; errors of an address
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or it must not wait
     */
    public abstract long await(GuestMemory memory, long address, boolean isShared, int expected, int bits, long nanos);

    /**
     * Makes a waiter, which {@linkplain FutexWaiter#queue enters} this table later.
     *
     * @param bits the wait ends by wakes that have one of these bits; {@link #ANY} for all
     * @param resume is run once, when a wake or the end of its space takes the waiter out of the table, by the thread
     *     that does so, which may be in GUEST; it resumes the guest's thread, and must neither block nor wait. What it
     *     throws is reported
     * @return the waiter, for one wait
     */
    public abstract FutexWaiter newWaiter(int bits, Runnable resume);

    /**
     * Wakes waiters of a word ({@code FUTEX_WAKE}, {@code FUTEX_WAKE_BITSET}).
     *
     * @param memory of the CPU of the thread
     * @param address of the word
     * @param isShared whether the word may be shared between processes
     * @param count the maximum number; one is woken if this is smaller than 1, as in Linux
     * @param bits waiters with one of these bits are woken; {@link #ANY} for all
     * @return the number of woken waiters; a negated errno: EINVAL without a bit; errors of an address
     */
    public abstract long wake(GuestMemory memory, long address, boolean isShared, int count, int bits);

    /**
     * Wakes waiters of a known word. Does not access memory, so any thread may call this, with a CPU or without, after
     * the word is gone too.
     *
     * @param key of the word
     * @param count the maximum number; one is woken if this is smaller than 1
     * @param bits waiters with one of these bits are woken; {@link #ANY} for all
     * @return the number of woken waiters; EINVAL, negated, without a bit
     */
    public abstract long wake(FutexKey key, int count, int bits);

    /**
     * Wakes waiters of a word, and moves others to another word ({@code FUTEX_REQUEUE}). A moved waiter waits on with
     * its own time and bits, and is woken at the other word only.
     *
     * @param memory of the CPU of the thread
     * @param address of the word
     * @param other the address of the other word
     * @param isShared whether both words may be shared between processes
     * @param wakes the maximum number of woken waiters
     * @param moves the maximum number of moved waiters
     * @return the number of woken and moved waiters; a negated errno: EINVAL if a number is negative; errors of an
     *     address
     */
    public abstract long requeue(GuestMemory memory, long address, long other, boolean isShared, int wakes, int moves);

    /**
     * Does as {@link #requeue}, if the first word has the expected number ({@code FUTEX_CMP_REQUEUE}). The comparison
     * and the moves are one step for waits and wakes.
     *
     * @param memory of the CPU of the thread
     * @param address of the word
     * @param other the address of the other word
     * @param isShared whether both words may be shared between processes
     * @param wakes the maximum number of woken waiters
     * @param moves the maximum number of moved waiters
     * @param expected the number
     * @return as {@link #requeue}, or EAGAIN, negated, if the word has another number
     */
    public abstract long compareAndRequeue(
            GuestMemory memory, long address, long other, boolean isShared, int wakes, int moves, int expected);

    /**
     * Changes a word atomically, and wakes waiters of another word, and of the changed one if its old number passes a
     * comparison ({@code FUTEX_WAKE_OP}). One step for waits and wakes. The change is an atomic access of the guest:
     * watchpoints report its read and its store, after the woken waiters were resumed.
     *
     * @param memory of the CPU of the thread
     * @param address of the word that is not changed
     * @param other the address of the word that is changed
     * @param isShared whether both words may be shared between processes
     * @param wakes the maximum number of woken waiters of the first word; at least one
     * @param otherWakes the same for the changed word
     * @param operation the change and the comparison, as {@code FUTEX_OP} encodes them
     * @return the number of woken waiters; a negated errno: ENOSYS if the operation is unknown or, after the change, if
     *     the comparison is unknown; EFAULT also if the other word cannot be written; errors of an address
     */
    public abstract long wakeOp(
            GuestMemory memory, long address, long other, boolean isShared, int wakes, int otherWakes, int operation);

    /**
     * Returns the number of waiters in this table, for tests and displays. Takes time in proportion to it.
     *
     * @return the number at some instants of this call
     */
    public abstract int waiters();
}
