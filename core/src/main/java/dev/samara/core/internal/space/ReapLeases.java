// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.Report;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The leases under which threads that ran out of memory choose a victim, one thread at a time, and the embedder's score
 * of a space. A thread may take over a lease if no step of its reap has ended for too long. All spaces of a machine
 * share the leases. Thread-safe.
 */
public final class ReapLeases {
    /**
     * In nanoseconds. If no step of a reap ends for this time, its victim counts as impossible to empty. Ten times the
     * longest pause between steps.
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

    /** The lease of one thread, for its search for a victim and then for the reap of that victim. */
    static final class ReapLease {
        /**
         * Null during the search.
         *
         * <p>Written: the thread of the lease, once, before it adds the reap to {@code Housekeeping} (volatile).
         * Read: threads of faults (volatile).
         * Invariant: null while the thread looks for a victim; such a lease is not taken over.
         */
        private volatile @Nullable Layout victim;

        /**
         * The end of the latest step, or the start of the reap, by the clock of the leases.
         *
         * <p>Written: the thread that starts the reap, and each thread that ran a step (volatile).
         * Read: threads of faults (volatile).
         * Invariant: a hint. A reap that is given up while a step is running takes no more pages after that step.
         */
        private volatile long steppedNanos;

        /**
         * The report to send if the victim is skipped. Written before {@link #victim}.
         *
         * <p>Written: the thread of the lease, once, before it writes {@code victim} (plain).
         * Read: the thread that took over the lease, after it has read {@code victim} (plain).
         * Invariant: not null if {@code victim} is not null.
         */
        private @Nullable Report left;

        /** Ends the search. */
        void found(Layout found, Report ifLeft, long nanos) {
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

    /**
     * The lease that is held; null if there is none.
     *
     * <p>Written: the thread of a fault that found no frame, from null or from a lease whose reap hangs
     *     (compare-and-set); that thread if there is no victim, or the thread of a step that ends a reap
     *     (compare-and-set).
     * Read: threads of faults, and threads that run steps (volatile).
     * Invariant: a lease is stored here once. While it is here, its thread is searching for a victim, or its reap is
     *     listed. The thread that removes it reports the end of its reap. A reap without its lease takes no more pages;
     *     only its last flush continues.
     */
    private final AtomicReference<@Nullable ReapLease> current = new AtomicReference<>();

    /**
     * How many reaps of a victim have ended.
     *
     * <p>Written: the thread that ends a lease, before it removes the lease (get-and-add).
     * Read: threads of faults (volatile).
     * Invariant: a thread that finds no lease has read a number that includes the last reap, if it reads the number
     *     afterwards.
     */
    private final AtomicLong reaps = new AtomicLong();

    /**
     * The clock that decides when a reap is due, and when it is given up; null for {@link System#nanoTime}.
     *
     * <p>Written: a test, before the first space exists (plain).
     * Read: threads of faults, and threads that run or request steps (plain).
     * Invariant: does not change once there is a space.
     */
    private @Nullable LongSupplier clock;

    ReapLeases(MachineThreads machine, Score score) {
        this.machine = machine;
        this.score = score;
    }

    /** Asks the embedder for the score of a space. */
    long score(Identity space, long pages) {
        return score.of(space, pages);
    }

    /** Returns the lease that is held; null if there is none. */
    @Nullable
    ReapLease current() {
        return current.get();
    }

    /**
     * Starts a lease that replaces {@code before}, which may be null. Returns false if another thread has replaced
     * {@code before} already.
     */
    boolean begin(@Nullable ReapLease before, ReapLease lease) {
        return current.compareAndSet(before, lease);
    }

    /** Returns whether a lease is still held, i.e. no thread ended it or took it over. */
    boolean has(ReapLease lease) {
        return current.get() == lease;
    }

    /**
     * Returns how many reaps of a victim have ended. A fault that failed for lack of a frame may have failed before the
     * end of the last one.
     */
    public long reaps() {
        return reaps.get();
    }

    /** Ends a lease, and lets the next shortage pick a victim. Returns false if another thread took it over. */
    boolean end(ReapLease lease) {
        if (lease.victim != null) {
            reaps.incrementAndGet();
        }
        return current.compareAndSet(lease, null);
    }

    /** Returns whether no step of the reap has ended for so long that the machine must not wait for it any more. */
    boolean isStill(ReapLease lease) {
        return lease.victim != null && nanos() - lease.steppedNanos >= LONGEST_STILL;
    }

    /**
     * Makes the machine skip the victim, and sends the lease's report. Called by the thread that took over the lease.
     */
    void giveUp(ReapLease lease) {
        Layout victim = lease.victim;
        Report left = lease.left;
        if (victim != null && left != null) {
            victim.skipReap();
            machine.report(left);
        }
    }

    /** Returns the time of the clock, in nanoseconds. */
    long nanos() {
        LongSupplier other = clock;
        return other == null ? System.nanoTime() : other.getAsLong();
    }

    /** Replaces the clock by a test's. A seam, called before the first space exists. */
    void timeBy(LongSupplier nanos) {
        clock = nanos;
    }
}
