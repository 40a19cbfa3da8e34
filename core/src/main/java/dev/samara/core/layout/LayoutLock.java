// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The lock of one layout: a {@link ReentrantLock} at which one waiting thread spins before it parks.
 *
 * <p>The lock is held for half a microsecond at a time. A thread that parks for it is away for some fifty, which is the
 * latency of an operation that meets another one. A thread that tries again and again takes the lock at the next release,
 * and then each hold begins with the cache lines of the tree, the counters and the lock in the other core. The waiting
 * thread therefore lets the owner have a <em>turn</em>, a few microseconds in which it touches nothing of the lock, and
 * tries after that. The threads of a busy space so take turns of several operations each, and nobody makes a system call.
 *
 * <p>The turn adapts. A lock that is taken when the turn ends is busy, and the next turn is longer; a lock that is free
 * then was met by chance, and the next turn is shorter.
 *
 * <p>One thread spins at a time, and none while another one is parked, so of many threads all but two are asleep, and each
 * parked thread competes as it does at a {@code ReentrantLock}. A spin is bounded and ends in the queue of the lock. The
 * idea of keeping all but a few of the competing threads away from a lock is that of D. Dice, "Malthusian Locks",
 * EuroSys 2017.
 */
public final class LayoutLock extends ReentrantLock {
    private static final long serialVersionUID = 1L;

    /** In nanoseconds: some holds. After less, two threads hand the lock to each other at each hold. */
    static final long SHORTEST_TURN = 1_000;

    /** In nanoseconds: some operations, by which the move of the cache lines is paid for. */
    static final long LONGEST_TURN = 5_000;

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

    /** In nanoseconds. Read and written by the spinning thread alone. */
    private long turn = SHORTEST_TURN;

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
            letOwnerRun(turn);
            turn = nextTurn(turn, isLocked());
            return tryForAWhile();
        } finally {
            // Pairs with the compare-and-set of beginSpinning: the next spinning thread reads this turn.
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

    private static void letOwnerRun(long nanos) {
        long began = System.nanoTime();
        do {
            pause();
        } while (System.nanoTime() - began < nanos);
    }

    private static void pause() {
        for (int i = 0; i < PAUSES; i++) {
            Thread.onSpinWait();
        }
    }

    /** Twice as long up to a bound, or a little shorter: also a lock that is held a tenth of the time is busy. */
    static long nextTurn(long turn, boolean isBusy) {
        return isBusy ? Math.min(LONGEST_TURN, 2 * turn) : Math.max(SHORTEST_TURN, turn - turn / 16);
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
