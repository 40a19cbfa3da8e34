// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import dev.samara.core.internal.guest.FutexBuckets;

/**
 * The threads that wait on words of memory, and the calls of {@code futex(2)} that wake and move them. {@link
 * dev.samara.core.Machine#futexes} returns the table of a machine. A word in a file or in shared memory is one futex in
 * all spaces of the machine.
 *
 * <p>A word has 4 bytes, in the byte order of the CPU. Like the system call, each call returns a number or a negated
 * errno. {@code isShared} must be false if the guest's call contains {@code FUTEX_PRIVATE_FLAG}. A private word is
 * identified by its space and address; a shared word is identified by its page, which is faulted in, for writing if the
 * mapping permits that. Errors of an address, for all calls:
 *
 * <ul>
 *   <li>EINVAL if it is not a multiple of 4.
 *   <li>EFAULT if it is beyond the limit of the space, or if the call must access the word and cannot. A wake of a
 *       private word does not access the word.
 *   <li>EFAULT for a shared word on a private page that cannot be written, because such a word never changes.
 *   <li>ENOMEM if there is no memory for the page; EINTR if the thread was interrupted, and would have to wait until
 *       the machine has {@linkplain dev.samara.core.MachineBuilder#lowMemory reclaimed} memory for the page, or if a
 *       backing returned {@code RETRY}. The flag stays set, and nothing is changed. An interrupt ends no other wait for
 *       the page.
 * </ul>
 *
 * <p>A call with the memory of a CPU throws {@link IllegalArgumentException} if the CPU is in a space of another
 * machine, and {@link IllegalStateException} if it is not in a space.
 *
 * <p><b>Order.</b> A wake finds each waiter that compared its word before the waker's store, so no wake is lost between
 * the comparison and the sleep. The waiters of a word are woken in the order of their arrival; a requeue appends
 * waiters at the end.
 *
 * <p><b>Threads.</b> Any number of threads may call a table. Only the thread that owns the CPU may make a call with its
 * {@link GuestMemory}. All calls except {@link #await} are allowed in GUEST: like an access, they leave GUEST to handle
 * a fault. A call holds a lock for a few steps per waiter, and never while it handles a fault. Callbacks of waiters run
 * on the waking thread, after the lock is released.
 *
 * <p><b>End of a space.</b> A CPU in {@link #await} is a user of its space, so the space does not end during the wait;
 * to end the wait, interrupt the thread. If the space of a {@link FutexWaiter} ends, the waiter is removed from the
 * table without a wake, and its callback runs.
 */
public abstract sealed class FutexTable permits FutexBuckets {
    /** All bits, for waits and wakes that do not select by bits ({@code FUTEX_BITSET_MATCH_ANY}). */
    public static final int ANY = -1;

    /** Waits without a limit of time. */
    public static final long FOREVER = -1;

    /** Only for the library. */
    protected FutexTable() {}

    /**
     * Waits until a wake, if the word contains the expected number ({@code FUTEX_WAIT}, {@code FUTEX_WAIT_BITSET}).
     * Parks the thread, which must be outside GUEST. Returns 0 only if a wake selected this thread.
     *
     * @param memory the memory of the thread's CPU
     * @param address of the word
     * @param isShared whether the word may be shared between processes
     * @param expected the number
     * @param bits only a wake with one of these bits ends the wait; {@link #ANY} for every wake
     * @param nanos the maximum wait in nanoseconds, or {@link #FOREVER}; with 0 or any other negative number the call
     *     does not wait
     * @return 0 after a wake, or a negated errno: EAGAIN if the word contains another number; ETIMEDOUT; EINTR if the
     *     thread is interrupted (the flag stays set); EINVAL if {@code bits} is 0; errors of an address
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or the thread must not wait
     */
    public abstract long await(GuestMemory memory, long address, boolean isShared, int expected, int bits, long nanos);

    /**
     * Creates a waiter, which {@linkplain FutexWaiter#queue enters} this table later.
     *
     * @param bits only a wake with one of these bits ends the wait; {@link #ANY} for every wake
     * @param resume runs once, when a wake or the end of the space removes the waiter from the table, on the thread
     *     that removes it, which may be in GUEST. It must resume the guest's thread, and must not block. An exception
     *     that it throws is reported
     * @return the waiter, for one wait
     */
    public abstract FutexWaiter newWaiter(int bits, Runnable resume);

    /**
     * Wakes waiters of a word ({@code FUTEX_WAKE}, {@code FUTEX_WAKE_BITSET}).
     *
     * @param memory the memory of the thread's CPU
     * @param address of the word
     * @param isShared whether the word may be shared between processes
     * @param count the maximum number of woken waiters; a number below 1 counts as 1, as on Linux
     * @param bits only waiters with one of these bits are woken; {@link #ANY} for all waiters
     * @return the number of woken waiters, or a negated errno: EINVAL if {@code bits} is 0; errors of an address
     */
    public abstract long wake(GuestMemory memory, long address, boolean isShared, int count, int bits);

    /**
     * Wakes waiters of the word with a known key. Does not access memory, so any thread may call this, with or without
     * a CPU, even after the word has been unmapped.
     *
     * @param key of the word
     * @param count the maximum number of woken waiters; a number below 1 counts as 1
     * @param bits only waiters with one of these bits are woken; {@link #ANY} for all waiters
     * @return the number of woken waiters, or EINVAL, negated, if {@code bits} is 0
     */
    public abstract long wake(FutexKey key, int count, int bits);

    /**
     * Wakes waiters of a word, and moves others to another word ({@code FUTEX_REQUEUE}). A moved waiter keeps its time
     * limit and its bits; from then on only wakes of the other word wake it.
     *
     * @param memory the memory of the thread's CPU
     * @param address of the word
     * @param other the address of the other word
     * @param isShared whether both words may be shared between processes
     * @param wakes the maximum number of woken waiters
     * @param moves the maximum number of moved waiters
     * @return the number of woken and moved waiters, or a negated errno: EINVAL if {@code wakes} or {@code moves} is
     *     negative; errors of an address
     */
    public abstract long requeue(GuestMemory memory, long address, long other, boolean isShared, int wakes, int moves);

    /**
     * Wakes and moves waiters as {@link #requeue} does, if the first word contains the expected number ({@code
     * FUTEX_CMP_REQUEUE}). To concurrent waits and wakes, the comparison and the moves are atomic.
     *
     * @param memory the memory of the thread's CPU
     * @param address of the word
     * @param other the address of the other word
     * @param isShared whether both words may be shared between processes
     * @param wakes the maximum number of woken waiters
     * @param moves the maximum number of moved waiters
     * @param expected the number
     * @return as {@link #requeue}, or EAGAIN, negated, if the word contains another number
     */
    public abstract long compareAndRequeue(
            GuestMemory memory, long address, long other, boolean isShared, int wakes, int moves, int expected);

    /**
     * Changes a word atomically, and wakes waiters of another word, and of the changed one if its old number passes a
     * comparison ({@code FUTEX_WAKE_OP}). Atomic to concurrent waits and wakes. The change is an atomic access of the
     * guest, so watchpoints report its read and its store, after the woken waiters have been resumed.
     *
     * @param memory the memory of the thread's CPU
     * @param address of the word that is not changed
     * @param other the address of the word that is changed
     * @param isShared whether both words may be shared between processes
     * @param wakes the maximum number of woken waiters of the first word; at least one
     * @param otherWakes the same for the changed word
     * @param operation the change and the comparison, as {@code FUTEX_OP} encodes them
     * @return the number of woken waiters, or a negated errno: ENOSYS if the operation is unknown, or, after the change
     *     was made, if the comparison is unknown; EFAULT also if the other word cannot be written; errors of an address
     */
    public abstract long wakeOp(
            GuestMemory memory, long address, long other, boolean isShared, int wakes, int otherWakes, int operation);

    /**
     * Returns the number of waiters in this table, for tests and displays. Takes time proportional to that number.
     *
     * @return the number at some instants of this call
     */
    public abstract int waiters();
}
