// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.Report;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The leases under which threads that ran out of memory choose a victim, one thread at a time, and the embedder's score
 * of a space. A thread may take over a lease whose reap has not ended a step for too long. All spaces of a machine
 * share the leases. Thread-safe.
 */
public final class ReapLeases {
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
    static final class ReapLease {
        /**
         * Null during the search.
         *
         * @written the thread of the lease, once, before it lists the reap (volatile)
         * @read threads of faults (volatile)
         * @invariant null while the thread looks for a victim; such a lease is not taken over
         */
        private volatile @Nullable Reaping victim;

        /**
         * The end of the latest step, or the beginning, by the clock of the leases.
         *
         * @written the thread that begins the reap, and each thread that has made a step (volatile)
         * @read threads of faults (volatile)
         * @invariant a hint: a reap that is given up while it goes on takes nothing more after its step
         */
        private volatile long steppedNanos;

        /**
         * Reports a victim that is passed over. Written before the victim.
         *
         * @written the thread of the lease, once, before it writes {@code victim} (plain)
         * @read the thread that has taken the lease over, after it has read {@code victim} (plain)
         * @invariant never null where {@code victim} is not
         */
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

    /**
     * The lease that is held; null for none.
     *
     * @written the thread of a fault that found no frame, from null or from a lease whose reap hangs (compare-and-set);
     *     that thread if there is no victim, or the thread of a step that ends a reap (compare-and-set)
     * @read threads of faults, and those that make steps (volatile)
     * @invariant a lease comes here once, and its thread looks for a victim or its reap is listed while it is here.
     *     Whoever takes it away reports the end of its reap. A reap whose lease is gone takes nothing more; only its
     *     last flush goes on
     */
    private final AtomicReference<@Nullable ReapLease> current = new AtomicReference<>();

    /**
     * Tells when a reap is due, and when it is given up; null for the clock of the system.
     *
     * @written a test, before there is a space (plain)
     * @read threads of faults, and those that make or ask for steps (plain)
     * @invariant does not change once there is a space
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

    /** Returns the lease that is held; null for none. */
    @Nullable
    ReapLease current() {
        return current.get();
    }

    /** Begins a lease in place of another one or of none; returns false if another thread has done so. */
    boolean begin(@Nullable ReapLease before, ReapLease lease) {
        return current.compareAndSet(before, lease);
    }

    /** Returns whether a lease is still held: no thread has ended it, or taken it over. */
    boolean has(ReapLease lease) {
        return current.get() == lease;
    }

    /** Ends a lease, and lets the next shortage pick a victim. Returns false if another thread has taken it over. */
    boolean end(ReapLease lease) {
        return current.compareAndSet(lease, null);
    }

    /** Returns whether no step of the reap has ended for so long that the machine must not wait for it any more. */
    boolean isStill(ReapLease lease) {
        return lease.victim != null && nanos() - lease.steppedNanos >= LONGEST_STILL;
    }

    /** Lets the machine pass over the victim, and reports. For the thread that has taken the lease over. */
    void giveUp(ReapLease lease) {
        Reaping victim = lease.victim;
        Report left = lease.left;
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
