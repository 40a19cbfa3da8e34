// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.sync.CheckedLock;
import dev.samara.core.internal.sync.Pause;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.trace.Tracepoints;
import dev.samara.core.internal.trace.Tracepoints.BegunEvent;
import java.lang.invoke.ConstantBootstraps;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The lock of one layout: a {@link ReentrantLock} at which one waiting thread spins before it parks.
 *
 * <p>The lock is held for about half a microsecond at a time. A thread that parks for it needs some fifty microseconds
 * to park and wake, which becomes the latency of every contending operation. A thread that spins without a pause takes
 * the lock at the next release; every hold then starts with the cache lines of the tree, the counters and the lock in
 * the other core's cache. The waiting thread therefore grants the owner a <em>turn</em>: for a few microseconds it does
 * not touch the lock, and then it retries. The threads of a busy space thus alternate in turns of several operations
 * each, without a system call.
 *
 * <p>If threads contended for the lock very recently, the lock is busy and its owner will return, so the turn is long.
 * Otherwise the contention is a coincidence and the owner is about to leave, so the turn is short. The owner's activity
 * during the turn is not a usable measure, because after a handover an operation takes four times as long. If the
 * waiting thread mistook the slow operation for an owner that has left, it would take the lock, and each operation
 * would be the first after a handover.
 *
 * <p>At most one thread spins, and none while another one is parked. So of many contending threads all but two are
 * parked, and a parked thread competes as it does for a {@code ReentrantLock}. A spin is bounded and ends in the lock's
 * queue. The idea of keeping all but a few of the competing threads away from a lock is from D. Dice, "Malthusian
 * Locks", EuroSys 2017.
 */
public final class LayoutLock extends ReentrantLock {
    private static final long serialVersionUID = 1L;

    /** In nanoseconds. About the time of one hold, even if its cache lines come from another core. */
    static final long SHORT_TURN = 1_000;

    /** In nanoseconds. The time of several operations, which amortize the move of the cache lines. */
    static final long LONG_TURN = 8_000;

    /** In nanoseconds. About two long turns. A lock at which no thread spun for this time is not busy. */
    static final long RECENT = 20_000;

    /** In nanoseconds. An owner that did not release the lock by then was preempted. */
    private static final long LONGEST_TRY = 20_000;

    /** In nanoseconds. The time between two checks. */
    private static final long YIELD = 20_000;

    /** In nanoseconds. A parked thread is usually awake by then. */
    private static final long LONGEST_YIELD = 1_000_000;

    /** The number of spin-wait hints between two reads of the clock. */
    private static final int PAUSES = 8;

    /**
     * The maximum number of clock reads in a turn or a try. Neither a turn nor a try reaches it unless the clock stands
     * still.
     */
    private static final int MOST_READS = 2_000;

    /**
     * How often a thread tries to become the spinning thread. The current one may have got the lock, and be about to
     * release the role.
     */
    private static final int LOOKS = 200;

    /** On a single CPU the owner cannot run while another thread spins. */
    private static final boolean SPINS = Runtime.getRuntime().availableProcessors() > 1;

    private static final VarHandle SPINNING = ConstantBootstraps.fieldVarHandle(
            MethodHandles.lookup(), "spinning", VarHandle.class, LayoutLock.class, boolean.class);

    /**
     * Written: a thread that waits for the lock: taking the role (compare-and-set), releasing it (release).
     * Read: a thread that waits (opaque; compare-and-set).
     * Invariant: at most one thread spins. A thread releases the role when its spin ends, whether it got the lock or
     *     not.
     */
    @SuppressWarnings("UnusedVariable") // through SPINNING
    private boolean spinning;

    /**
     * The end of the last spin, as {@link System#nanoTime}. Read and written only by the spinning thread.
     *
     * <p>Written: the spinning thread (plain).
     * Read: the spinning thread (plain), ordered by the role.
     * Pairs: with {@code spinning}: the store that releases the role pairs with the compare-and-set that takes it.
     * Invariant: the end of the last spin.
     */
    private long lastSpin = System.nanoTime() - RECENT;

    /** The space of the layout; null in tests. Set before another thread reaches the lock. */
    private transient @Nullable Identity identity;

    /**
     * The holder's wait, which is recorded after the hold; null if there is none. Guarded by this lock.
     *
     * <p>Written: holder of the lock (plain).
     * Read: holder of the lock (plain).
     * Invariant: null unless the holder waited while the flight recorder was recording.
     */
    private transient @Nullable BegunEvent waited;

    public LayoutLock() {}

    /** Makes the flight recorder attribute waits for a lock to a space. Does nothing for a test's lock. */
    static void identify(ReentrantLock lock, Identity space) {
        if (lock instanceof LayoutLock made) {
            made.identity = space;
        }
    }

    @Override
    public void lock() {
        if (!tryLock()) {
            StackReserve.check(CheckedLock.DEPTH);
            await();
        }
    }

    @Override
    public boolean tryLock() {
        StackReserve.check(CheckedLock.FREE_DEPTH);
        return super.tryLock();
    }

    private void await() {
        BegunEvent recorded = Tracepoints.begin(Tracepoints.LOCK_WAIT);
        boolean hasSpun = SPINS && spin();
        if (!hasSpun) {
            super.lock();
        }
        if (recorded != null) {
            Identity of = identity;
            Tracepoints.lockWaitOver(recorded, of == null ? 0 : of.number(), !hasSpun);
            waited = recorded;
        }
    }

    @Override
    public void unlock() {
        if (!Tracepoints.IS_PRESENT || waited == null) {
            super.unlock();
        } else {
            unlockAndRecord();
        }
    }

    private void unlockAndRecord() {
        BegunEvent over = waited;
        waited = null;
        super.unlock();
        if (over != null) {
            Tracepoints.endLockWait(over);
        }
    }

    /**
     * Waits briefly until a waiting thread has got the lock, or no thread waits for it. Otherwise a thread that has
     * just released the lock would take it again before a parked thread wakes up.
     */
    static void letOthersIn(ReentrantLock lock) {
        if (!lock.hasQueuedThreads()) {
            return;
        }
        long began = System.nanoTime();
        // Bounded even if the clock stands still.
        for (int reads = 0; reads < MOST_READS && lock.hasQueuedThreads() && !lock.isLocked(); reads++) {
            if (System.nanoTime() - began >= LONGEST_YIELD) {
                return;
            }
            Pause.parkNanos(lock, YIELD);
        }
    }

    /** Returns whether a thread is spinning, or has finished its spin and is about to return. */
    boolean isSpunAt() {
        return (boolean) SPINNING.getOpaque(this);
    }

    /** Spins for the lock if no other thread does. Returns whether the caller now holds it. */
    private boolean spin() {
        if (hasQueuedThreads() || !beginSpinning()) {
            return false;
        }
        try {
            long began = System.nanoTime();
            letOwnerRun(began, turn(began - lastSpin));
            return tryForAWhile();
        } finally {
            lastSpin = System.nanoTime();
            // Pairs with the compare-and-set of beginSpinning, so that the next spinning thread reads the end of this
            // spin.
            SPINNING.setRelease(this, false);
        }
    }

    private boolean beginSpinning() {
        for (int i = 0; i < LOOKS; i++) {
            if (!isSpunAt() && SPINNING.compareAndSet(this, false, true)) {
                return true;
            }
            Thread.onSpinWait();
        }
        return false;
    }

    private static void letOwnerRun(long began, long nanos) {
        // Bounded even if the clock stands still.
        for (int i = 0; i < MOST_READS; i++) {
            for (int j = 0; j < PAUSES; j++) {
                Thread.onSpinWait();
            }
            if (System.nanoTime() - began >= nanos) {
                return;
            }
        }
    }

    /** Returns the length of the turn in nanoseconds, given the time since the last spin ended. */
    static long turn(long nanosSinceSpin) {
        return nanosSinceSpin < RECENT ? LONG_TURN : SHORT_TURN;
    }

    private boolean tryForAWhile() {
        long began = System.nanoTime();
        for (int reads = 0; reads < MOST_READS; reads++) {
            for (int i = 0; i < PAUSES; i++) {
                // Reads first, because a failed compare-and-set would take the cache line away from the owner.
                if (!isLocked() && super.tryLock()) {
                    return true;
                }
                Thread.onSpinWait();
            }
            if (System.nanoTime() - began >= LONGEST_TRY) {
                return false;
            }
        }
        return false;
    }
}
