// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The lock of one layout: a {@link ReentrantLock} at which one waiting thread spins before it parks.
 *
 * <p>The lock is held for half a microsecond at a time. A thread that parks for it is away for some fifty, which is the
 * latency of an operation that meets another one. A thread that tries again and again takes the lock at the next
 * release, and then each hold begins with the cache lines of the tree, the counters and the lock in the other core. The
 * waiting thread therefore lets the owner have a <em>turn</em>, a few microseconds in which it touches nothing of the
 * lock, and tries after that. The threads of a busy space so take turns of several operations each, and nobody makes a
 * system call.
 *
 * <p>A lock at which threads met a moment ago is busy, and its owner comes back: the turn is long. Otherwise two
 * threads have met by chance, the owner is about to go, and the turn is short. What the owner does meanwhile is no
 * measure for that: after a handover an operation takes four times as long, and if the waiting thread took that for an
 * owner who has gone, each operation would be the first after a handover.
 *
 * <p>One thread spins at a time, and none while another one is parked, so of many threads all but two are asleep, and
 * each parked thread competes as it does at a {@code ReentrantLock}. A spin is bounded and ends in the queue of the
 * lock. The idea of keeping all but a few of the competing threads away from a lock is that of D. Dice, "Malthusian
 * Locks", EuroSys 2017.
 */
public final class LayoutLock extends ReentrantLock {
    private static final long serialVersionUID = 1L;

    /** In nanoseconds: about a hold, even if its cache lines come from another core. */
    static final long SHORT_TURN = 1_000;

    /** In nanoseconds: some operations, by which the move of the cache lines is paid for. */
    static final long LONG_TURN = 8_000;

    /** In nanoseconds: two turns. A lock at which no thread has spun for so long is not busy. */
    static final long RECENT = 20_000;

    /** In nanoseconds. An owner that has not released the lock by then has lost its processor. */
    private static final long LONGEST_TRY = 20_000;

    /** Between two looks at the clock. */
    private static final int PAUSES = 8;

    /** How often a thread looks whether the spinning one has got the lock and is about to give up its role. */
    private static final int LOOKS = 200;

    /** On one processor the owner cannot run while another thread spins. */
    private static final boolean SPINS = Runtime.getRuntime().availableProcessors() > 1;

    private static final VarHandle SPINNING;

    static {
        try {
            SPINNING = MethodHandles.lookup().findVarHandle(LayoutLock.class, "spinning", boolean.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    @SuppressWarnings("UnusedVariable") // through SPINNING
    private boolean spinning;

    /** When a thread last ended its spin. Read and written by the spinning thread alone. */
    private long lastSpin = System.nanoTime() - RECENT;

    /** Makes an unlocked lock. */
    public LayoutLock() {}

    @Override
    public void lock() {
        if (!tryLock() && !(SPINS && spin())) {
            super.lock();
        }
    }

    /** Whether a thread spins, or has spun and is about to return. */
    boolean isSpunAt() {
        return (boolean) SPINNING.getOpaque(this);
    }

    /** Spins for the lock if no other thread does; returns whether the caller now has it. */
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
            // Pairs with the compare-and-set of beginSpinning: the next spinning thread reads when this one ended.
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
        do {
            pause();
        } while (System.nanoTime() - began < nanos);
    }

    private static void pause() {
        for (int i = 0; i < PAUSES; i++) {
            Thread.onSpinWait();
        }
    }

    /** How long the turn is, by how long ago the last spin ended. */
    static long turn(long nanosSinceSpin) {
        return nanosSinceSpin < RECENT ? LONG_TURN : SHORT_TURN;
    }

    private boolean tryForAWhile() {
        long began = System.nanoTime();
        do {
            for (int i = 0; i < PAUSES; i++) {
                // A look first: a compare-and-set in vain would take the line away from the owner.
                if (!isLocked() && tryLock()) {
                    return true;
                }
                Thread.onSpinWait();
            }
        } while (System.nanoTime() - began < LONGEST_TRY);
        return false;
    }
}
