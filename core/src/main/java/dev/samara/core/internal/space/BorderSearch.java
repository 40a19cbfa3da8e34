// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import org.jspecify.annotations.Nullable;

/**
 * Finds the addresses at which a layout should be divided. Each lies between the places where two contending threads
 * were working. It is neither an address at which an operation previously had to join parts, nor inside a range that
 * one operation names. The choice affects only speed, so a failure is recorded here and no operation fails because of
 * it.
 */
final class BorderSearch {
    /**
     * The number of operations, in all parts, after which a division is no longer recent: so many take long enough for
     * each thread that is awake to run.
     */
    private static final long SOON = 1 << 15;

    /** After so many meetings without a division, the ranges that stay whole are forgotten. */
    private static final int MOST_IN_VAIN = 64;

    private final long pageSize;

    private final LockContention contention = new LockContention();

    /** The pause after a part was to be divided further, and was not. Guarded by the layout lock. */
    private final LockContention further = new LockContention();

    /**
     * The borders of the latest parts that an operation has not found in its way. Guarded by the layout lock.
     *
     * @words {@code earlier}, {@code contention}, {@code further} and their contents of {@code BorderSearch}, {@code
     *     LockContention}
     * @written holder of the layout lock; of the contention for a part, holder of its lock (plain)
     * @read as written
     * @invariant none: they only decide where and when a layout is divided
     */
    private long[] earlier = Borders.NONE;

    /**
     * The ranges that should stay whole. Written under the layout lock.
     *
     * @written a join, holding the layout lock; a thread that forgets the ranges, holding it or the lock of a part
     *     (volatile)
     * @read a thread that has met others at a lock and looks for borders, holding the lock of a part (volatile)
     * @pairs none; an old value costs a border that joins the layout again
     * @invariant ranges in which no border should be. Immutable; replaced as a whole. Racy, benign because it only
     *     decides where a layout is divided
     */
    private volatile RecentCrossings crossings = RecentCrossings.NONE;

    /**
     * How often threads met at places between which those ranges left no room for a border.
     *
     * @written a thread that has met others at a lock, holding that lock (plain)
     * @read such threads (plain)
     * @invariant none: racy, benign because it only decides when ranges are forgotten
     */
    private int inVain;

    /**
     * The last exception of a division or a join, other than a lack of memory or stack. Any thread writes it, and
     * {@link #requireNoFailure} reports it.
     *
     * @written any thread whose division or join has failed for another reason than the lack of memory or stack
     *     (volatile)
     * @read a validation of the layout (volatile)
     * @pairs none; a test reads it after the threads have ended
     * @invariant null, unless the library has a bug: no operation depends on a division
     */
    private volatile @Nullable Throwable failure;

    BorderSearch(long pageSize) {
        this.pageSize = pageSize;
    }

    /** Returns the contention for the layout lock, for its holder. */
    LockContention contention() {
        return contention;
    }

    /** Returns the borders that no operation has found in its way. Caller has the layout lock. */
    long[] earlier() {
        return earlier;
    }

    /**
     * Returns where threads that have met at a lock would divide a part or the layout, in ascending order; often
     * nowhere. The caller has the lock. A failure is that of the division, not that of the caller's operation.
     *
     * @param known the parts; null for a layout that is not divided
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

    /** Forgets the ranges that should stay whole, once in many times: perhaps they are no longer used. */
    private void forgetSpans() {
        // Racy, benign: it decides about speed only.
        if (!crossings.isEmpty() && ++inVain >= MOST_IN_VAIN) {
            inVain = 0;
            crossings = RecentCrossings.NONE;
        }
    }

    /** Notes that a division or a join which no operation needs has failed. Caller has the lock of the contention. */
    private void noteFailure(LockContention met, Throwable thrown) {
        met.clear();
        noteFailure(thrown);
    }

    /** As above, for the contention for the layout lock. Caller has that lock. */
    void noteFailureOfWhole(Throwable thrown) {
        contention.clear();
        noteFailure(thrown);
    }

    /** As above, for a caller without a lock, which changes no contention. */
    void noteFailure(Throwable thrown) {
        if (!(thrown instanceof OutOfMemoryError || thrown instanceof StackOverflowError)) {
            failure = thrown;
        }
    }

    /**
     * Forgets earlier borders and returns the others. Caller has the layout lock.
     *
     * @param unneeded those below parts that are not used any more
     * @param unused those below parts that are not used beside a busy one, which make room for more
     * @param more the number of borders that are to be added
     */
    long[] keep(long[] unneeded, long[] unused, int more) {
        long[] old = Borders.without(earlier, unneeded);
        if (old.length + more >= LayoutParts.MOST) {
            old = Borders.without(old, unused);
        }
        earlier = old;
        return old;
    }

    /** Records whether parts were divided further where that was tried. Caller has the layout lock. */
    void dividedFurther(boolean isDone) {
        if (isDone) {
            further.divided();
        } else {
            further.declined();
        }
    }

    /**
     * Returns the ranges that should stay whole after a join. Caller has the layout lock.
     *
     * @param isInWay whether the operation of the join has found a border in its way
     * @param operations those of all parts since the division
     * @param start the first address that the operation names
     * @param end after the last address
     */
    RecentCrossings crossingsAfter(boolean isInWay, long operations, long start, long end) {
        return isInWay && operations < SOON ? crossing(start, end) : crossings;
    }

    private RecentCrossings crossing(long start, long end) {
        return crossings.with(start & -pageSize, (end + pageSize - 1) & -pageSize);
    }

    /** Keeps borders and ranges after a join. Does not fail. Caller has the layout lock. */
    void joined(long[] kept, RecentCrossings known) {
        earlier = kept;
        crossings = known;
    }

    /** Counts the operations of the parts of a join, unless no operation needed it. Caller has the layout lock. */
    void joinedAfter(boolean isNeeded, long operations) {
        if (isNeeded) {
            contention.joined(operations);
        } else {
            contention.clear();
        }
    }

    /** Throws an AssertionError if a division has failed for another reason than the lack of memory or stack. */
    void requireNoFailure() {
        Throwable thrown = failure;
        if (thrown != null) {
            throw new AssertionError("a division has failed", thrown);
        }
    }
}
