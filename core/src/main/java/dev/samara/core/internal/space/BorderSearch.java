// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import org.jspecify.annotations.Nullable;

/**
 * Finds the addresses at which a layout should be divided. Each such border lies between the places where two
 * contending threads were working. It is neither an address at which an operation previously had to join parts, nor
 * inside the range of one operation. The choice affects only speed, so a failure is recorded here and no operation
 * fails because of it.
 */
final class BorderSearch {
    /**
     * The number of operations, in all parts together, after which a division is no longer recent. By then each
     * runnable thread has run.
     */
    private static final long SOON = 1 << 15;

    /** The number of failed searches for borders after which the ranges that should stay whole are forgotten. */
    private static final int MOST_IN_VAIN = 64;

    private final long pageSize;

    private final LockContention contention = new LockContention();

    /** The pause after a failed attempt to divide a part further. Guarded by the layout lock. */
    private final LockContention further = new LockContention();

    /**
     * The borders of the latest parts, except those that an operation needed to cross. Guarded by the layout lock.
     *
     * <p>Words: {@code earlier}, {@code contention}, {@code further} and their contents of {@code BorderSearch}, {@code
     *     LockContention}.
     * Written: holder of the layout lock; for the contention for a part, holder of the part's lock (plain).
     * Read: as written.
     * Invariant: none: they only decide where and when a layout is divided.
     */
    private long[] earlier = Borders.NONE;

    /**
     * The ranges that should stay whole, i.e. no border should lie inside them. Written under the layout lock.
     *
     * <p>Written: a join, holding the layout lock; a thread that forgets the ranges, holding the layout lock or the
     *     lock of a part (volatile).
     * Read: a thread that contended for a lock and searches for borders, holding that lock (volatile).
     * Pairs: none; a stale value may lead to a border at which an operation joins the layout again.
     * Invariant: ranges inside which no border should lie. Immutable; replaced as a whole. Racy, benign because it only
     *     decides where a layout is divided.
     */
    private volatile RecentCrossings crossings = RecentCrossings.NONE;

    /**
     * How many searches have failed to find a border since the ranges in {@link #crossings} were last forgotten.
     *
     * <p>Written: a thread that contended for a lock, holding that lock (plain).
     * Read: a thread that contended for a lock, holding that lock (plain).
     * Invariant: none: racy, benign because it only decides when ranges are forgotten.
     */
    private int inVain;

    /**
     * The last exception of a division or a join, other than a lack of memory or stack. Any thread writes it, and
     * {@link #requireNoFailure} reports it.
     *
     * <p>Written: any thread whose division or join failed for a reason other than a lack of memory or stack
     *     (volatile).
     * Read: a validation of the layout (volatile).
     * Pairs: none; a test reads it after the threads have ended.
     * Invariant: null unless the library has a bug. No operation depends on a division.
     */
    private volatile @Nullable Throwable failure;

    BorderSearch(long pageSize) {
        this.pageSize = pageSize;
    }

    /** Returns the contention for the layout lock. Caller holds that lock. */
    LockContention contention() {
        return contention;
    }

    /** Returns the borders that no operation needed to cross. Caller holds the layout lock. */
    long[] earlier() {
        return earlier;
    }

    /**
     * Returns the addresses at which to divide a part or the layout after threads contended for its lock: in ascending
     * order, and often none. The caller holds that lock. A failure is recorded, and does not fail the caller's
     * operation.
     *
     * @param known the parts; null if the layout is not divided
     * @param part the part, or the layout
     */
    long[] at(LockContention met, long start, long end, @Nullable LayoutParts known, District part) {
        try {
            if (!met.mayDivide(start, end)) {
                return Borders.NONE;
            }
            long[] borders = known == null || (!further.isPaused() && UnusedParts.room(known, part) > 0)
                    ? met.borders(part.tree(), pageSize, crossings)
                    : Borders.NONE;
            if (borders.length != 0) {
                met.clear();
            } else {
                met.declined();
                forgetSpans();
            }
            return borders;
        } catch (Throwable thrown) {
            noteFailure(met, thrown);
            return Borders.NONE;
        }
    }

    /**
     * Forgets the ranges that should stay whole after {@link #MOST_IN_VAIN} calls, because they may no longer be in
     * use.
     */
    private void forgetSpans() {
        // Racy, benign because it affects only speed.
        if (!crossings.isEmpty() && ++inVain >= MOST_IN_VAIN) {
            inVain = 0;
            crossings = RecentCrossings.NONE;
        }
    }

    /**
     * Records the failure of a division or join that no operation needs. Caller holds the lock that was contended for.
     */
    private void noteFailure(LockContention met, Throwable thrown) {
        met.clear();
        noteFailure(thrown);
    }

    /** Records a failed division or join after contention for the layout lock. Caller holds the layout lock. */
    void noteFailureOfWhole(Throwable thrown) {
        contention.clear();
        noteFailure(thrown);
    }

    /** Records a failed division or join, but no contention. Caller need not hold a lock. */
    void noteFailure(Throwable thrown) {
        if (!(thrown instanceof OutOfMemoryError || thrown instanceof StackOverflowError)) {
            failure = thrown;
        }
    }

    /**
     * Forgets some of the earlier borders and returns the rest. Caller holds the layout lock.
     *
     * @param unneeded the borders below parts that are no longer used
     * @param unused the borders below parts that were never used while another part was busy; forgotten only if more
     *     room is needed
     * @param more the number of borders to add
     */
    long[] keep(long[] unneeded, long[] unused, int more) {
        long[] old = Borders.without(earlier, unneeded);
        if (old.length + more >= LayoutParts.MOST) {
            old = Borders.without(old, unused);
        }
        earlier = old;
        return old;
    }

    /** Records whether an attempt to divide a part further succeeded. Caller holds the layout lock. */
    void dividedFurther(boolean isDone) {
        if (isDone) {
            further.divided();
        } else {
            further.declined();
        }
    }

    /**
     * Returns the ranges that should stay whole after a join. Caller holds the layout lock.
     *
     * @param isInWay whether the operation that required the join needed to cross a border
     * @param operations the number of operations of all parts since the division
     * @param start the first address of the operation's range
     * @param end the (exclusive) end of the operation's range
     */
    RecentCrossings crossingsAfter(boolean isInWay, long operations, long start, long end) {
        return isInWay && operations < SOON ? crossing(start, end) : crossings;
    }

    private RecentCrossings crossing(long start, long end) {
        return crossings.with(start & -pageSize, (end + pageSize - 1) & -pageSize);
    }

    /** Sets the borders and ranges that are kept after a join. Does not fail. Caller holds the layout lock. */
    void joined(long[] kept, RecentCrossings known) {
        earlier = kept;
        crossings = known;
    }

    /**
     * Records how many operations the joined parts had, unless no operation needed the join. Caller holds the layout
     * lock.
     */
    void joinedAfter(boolean isNeeded, long operations) {
        if (isNeeded) {
            contention.joined(operations);
        } else {
            contention.clear();
        }
    }

    /** Throws an AssertionError if a division failed for a reason other than a lack of memory or stack. */
    void requireNoFailure() {
        Throwable thrown = failure;
        if (thrown != null) {
            throw new AssertionError("a division has failed", thrown);
        }
    }
}
