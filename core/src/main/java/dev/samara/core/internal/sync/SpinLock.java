// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A lock for sections of a few loads and stores. A thread that finds it locked spins briefly, and then parks between
 * its attempts, because the owner of so short a section is then not running. Not reentrant. No interrupt ends a wait,
 * and none is lost. Neither method allocates.
 *
 * <p><b>Who may hold it.</b> Any thread, at any place where it may spin. It may hold another spin lock if all threads
 * take the two in the same order; the class to which the lock belongs documents that order.
 *
 * <p><b>What may be called inside.</b> Only methods that end after a bounded number of steps. They take no other kind
 * of lock, wait for nothing, and need no memory. They call no code of the embedder, except that a bucket of futexes
 * reads and changes a word by {@code FrameStore.get} and {@code compareAndExchange}. The owner unlocks even after a
 * failure, because {@link #unlock} is in a {@code finally}, and no statement is between {@link #lock} and its {@code
 * try}.
 *
 * <p>A class extends this if its lock is taken often, so that reaching the lock needs no further load. The word is an
 * {@link AtomicBoolean}, because the first use of a {@code VarHandle} may need memory and stack.
 */
public class SpinLock {
    private static final int SPINS = 64;
    private static final long PARK_NANOS = 10_000;

    /**
     * Written: for a magazine, its owner, a thread that empties the magazine or counts its frames, and, for the
     *     magazine of unpinned frames, any thread; for a near magazine, the threads whose numbers it serves, and a
     *     thread that takes or counts the frames of all near magazines; for {@code CommittedMemory}, a thread that
     *     charges near the limit, or reads the committed memory; for a bucket of futexes, a thread that waits there, or
     *     wakes or moves waiters; for a stack of idle page table contexts, a thread that borrows one or gives one back,
     *     unless its slot suffices (locking: get-and-set; unlocking: volatile).
     * Read: the same threads (get-and-set).
     * Pairs: the store of one owner pairs with the exchange of the next owner.
     * Invariant: guards the {@code size} of a magazine, the frames up to that size, and {@code freed}; the transfer of
     *     free memory between the pool and the stripes of {@code CommittedMemory}; the stack of idle page table
     *     contexts; and the waiters of a bucket, including the comparison before they enter.
     */
    private final AtomicBoolean locked = new AtomicBoolean();

    /** Creates a lock that is not locked. */
    public SpinLock() {}

    /**
     * Locks this, after a wait if another thread holds it. Until the caller unlocks it, no other call returns.
     *
     * @throws StackOverflowError if the stack is too small; the lock is not taken. {@link #unlock} needs no more stack
     */
    public final void lock() {
        // Uses an exchange, because an interpreted exchange needs more stack than unlock.
        for (int spins = 0; locked.getAndSet(true); spins++) {
            if (spins < SPINS) {
                Thread.onSpinWait();
            } else {
                // The owner is not running. The park is timed, because unlock wakes no thread.
                Pause.parkNanos(this, PARK_NANOS);
            }
        }
    }

    /** Unlocks this. The caller holds the lock. Everything that it did before is visible to the next owner. */
    public final void unlock() {
        // A volatile store, because AtomicBoolean's stores of weaker modes use a handle, which is linked at its first
        // use.
        locked.set(false);
    }
}
