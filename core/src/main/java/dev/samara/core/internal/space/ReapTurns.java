// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.Report;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The turns in which threads without memory look for a victim, one at a time, and the embedder's score of a space. All
 * spaces of a machine share them. Thread-safe.
 */
public final class ReapTurns {
    /**
     * The time without a step after which the victim counts as one that cannot be emptied, in nanoseconds; ten times
     * the longest pause between steps.
     */
    static final long LONGEST_STILL = 2_000_000_000;

    /** The embedder's score of a space. */
    @FunctionalInterface
    public interface Score {
        /**
         * Returns the score. May throw.
         *
         * @param space the space, which may have ended since its pages were counted
         * @param pages its private pages and page tables
         * @return the score; negative for a space whose pages must stay
         */
        long of(Identity space, long pages);
    }

    /** The search of one thread for a victim, and then the reap of the victim. */
    static final class ReapTurn {
        /** Null during the search. */
        private volatile @Nullable Reaping victim;

        /** The end of the latest step, or the beginning, by the clock of the turns. */
        private volatile long steppedNanos;

        /** Reports a victim that is passed over. Written before the victim. */
        private @Nullable Report left;

        /** Ends the search. */
        void found(Reaping found, Report ifLeft, long nanos) {
            steppedNanos = nanos;
            left = ifLeft;
            victim = found;
        }

        /** Records the end of a step. */
        void stepped(long nanos) {
            steppedNanos = nanos;
        }
    }

    private final MachineThreads machine;
    private final Score score;

    /** The turn that is under way; null for none. */
    private final AtomicReference<@Nullable ReapTurn> current = new AtomicReference<>();

    /** Tells when a reap is due, and when it is given up; null for the clock of the system. */
    private @Nullable LongSupplier clock;

    ReapTurns(MachineThreads machine, Score score) {
        this.machine = machine;
        this.score = score;
    }

    /** Asks the embedder for the score of a space. */
    long score(Identity space, long pages) {
        return score.of(space, pages);
    }

    /** Returns the turn that is under way; null for none. */
    @Nullable
    ReapTurn current() {
        return current.get();
    }

    /** Begins a turn in place of another one or of none; returns false if another thread has done so. */
    boolean begin(@Nullable ReapTurn before, ReapTurn turn) {
        return current.compareAndSet(before, turn);
    }

    /** Returns whether a turn is under way: no thread has ended it, or taken it over. */
    boolean has(ReapTurn turn) {
        return current.get() == turn;
    }

    /** Ends a turn, and lets the next shortage pick a victim. Returns false if another thread has taken it over. */
    boolean end(ReapTurn turn) {
        return current.compareAndSet(turn, null);
    }

    /** Returns whether no step of the reap has ended for so long that the machine must not wait for it any more. */
    boolean isStill(ReapTurn turn) {
        return turn.victim != null && nanos() - turn.steppedNanos >= LONGEST_STILL;
    }

    /** Lets the machine pass over the victim, and reports. For the thread that has taken the turn over. */
    void giveUp(ReapTurn turn) {
        Reaping victim = turn.victim;
        Report left = turn.left;
        if (victim != null && left != null) {
            victim.skip();
            machine.report(left);
        }
    }

    /** Returns the time of the clock, in nanoseconds. */
    long nanos() {
        LongSupplier other = clock;
        return other == null ? System.nanoTime() : other.getAsLong();
    }

    /** Has a test's clock tell the time. A seam, called before there is a space. */
    void timeBy(LongSupplier nanos) {
        clock = nanos;
    }
}
