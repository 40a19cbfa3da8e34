// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.space.Districts.LayoutParts;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Pause;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.maple.MapleTree;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Finds the addresses at which a layout should be divided. Each such border lies between the places where two
 * contending threads were working. It is neither an address at which an operation previously had to join parts, nor
 * inside the range of one operation. The choice affects only speed, so a failure is recorded here and no operation
 * fails because of it.
 */
final class BorderSearch {
    static final long[] NONE = {};

    /**
     * Whether layouts are divided at each operation, at the VMA boundaries around its range, whether or not threads
     * contend. For tests: the system property {@code samara.divided} enables this for all layouts.
     */
    static final boolean IS_FORCED = Boolean.getBoolean("samara.divided");

    /** The maximum number of forced borders below a range, and of those above it. */
    private static final int EACH = 4;

    /**
     * Decides whether and where to divide a layout, or one of its parts further: between the places of threads that
     * repeatedly contend for its lock. Guarded by that lock.
     *
     * <p>A thread <em>meets</em> another one at the lock if it had to wait for the lock, or overtook a thread that is
     * parked for it. Each meeting is recorded with the range of the thread's operation. If a division does not pay off
     * because its parts are soon joined again, the layout stays undivided for a period that doubles each time.
     *
     * <p>Not final, so that a test can decide which threads meet and when.
     */
    static class LockContention {
        /** The maximum number of recorded threads. */
        private static final int MOST_THREADS = 16;

        /** The number of meetings that lead to a division. */
        private static final int ENOUGH = 16;

        /**
         * In nanoseconds. If {@link #ENOUGH} meetings take longer than this, contention costs too little for a
         * division. Even a thread that is overtaken repeatedly gets the lock every few milliseconds.
         */
        private static final long WINDOW = 100_000_000;

        /** The number of operations in parts that saves the time of a division and a join, about fifty microseconds. */
        private static final long WORTHWHILE = 512;

        /** In nanoseconds. Twenty times the time of a division and a join. */
        private static final long FIRST_PAUSE = 1_000_000;

        /** In nanoseconds. The maximum time for which threads that would gain from a division go without one. */
        private static final long LONGEST_PAUSE = 64_000_000;

        /*
         * Identity hash codes, because a thread that ended must not stay reachable. Two threads with the same code
         * count as one.
         */
        private final int[] threads = new int[MOST_THREADS];
        private final long[] low = new long[MOST_THREADS];
        private final long[] high = new long[MOST_THREADS];
        private int known;
        private int count;
        private long began;

        /**
         * The time after a join or a declined division in which the layout is not divided, and the start of that time.
         */
        private long pause;

        private long joined;

        /**
         * Records that the calling thread met another one at the lock.
         *
         * @param start the first address of its operation's range
         * @param end the (exclusive) end of that range; -1 if there is none
         * @return whether the caller should call {@link #borders}
         */
        boolean mayDivide(long start, long end) {
            if (end == -1 || !Addresses.isBelow(start, end)) {
                // Not recorded: the call has no range; or its range is empty, and would get a border on both of its
                // sides.
                return false;
            }
            if (count == 0) {
                began = now();
                if (pause != 0 && began - joined < pause) {
                    return false;
                }
            }
            note(caller(), start, end);
            if (++count < ENOUGH) {
                return false;
            }
            if (now() - began >= WINDOW) {
                clear();
                return false;
            }
            return known > 1;
        }

        /** Returns a number for the calling thread. */
        int caller() {
            return System.identityHashCode(Thread.currentThread());
        }

        /** Returns the time, in nanoseconds. */
        long now() {
            return System.nanoTime();
        }

        private void note(int thread, long start, long end) {
            int i = 0;
            while (i < known && threads[i] != thread) {
                i++;
            }
            if (i == known) {
                if (known == MOST_THREADS) {
                    return;
                }
                known++;
                threads[i] = thread;
                low[i] = start;
                high[i] = end;
            } else {
                low[i] = Addresses.lower(low[i], start);
                high[i] = Addresses.higher(high[i], end);
            }
        }

        /** Forgets all meetings. */
        void clear() {
            known = 0;
            count = 0;
        }

        /**
         * Returns the addresses between the places of the threads: ascending, not in a VMA, and none if the places
         * overlap.
         *
         * @param crossings the ranges inside of which no border should lie
         */
        long[] borders(MapleTree<VmArea> tree, long pageSize, RecentCrossings crossings) {
            sort();
            long[] borders = new long[MOST_THREADS];
            int found = 0;
            long reached = high[0];
            for (int i = 1; i < known; i++) {
                if (!Addresses.isBelow(low[i], reached)) {
                    long aligned = (reached + pageSize - 1) & -pageSize;
                    long border = border(tree, aligned, low[i] & -pageSize, pageSize, crossings);
                    if (border != 0) {
                        borders[found++] = border;
                    }
                }
                reached = Addresses.higher(reached, high[i]);
            }
            return found == 0 ? NONE : Arrays.copyOf(borders, found);
        }

        /**
         * Returns an address in {@code [from, to]} that no VMA crosses and that is in none of the ranges; 0 if there is
         * none.
         */
        private static long border(
                MapleTree<VmArea> tree, long from, long to, long pageSize, RecentCrossings crossings) {
            if (from == 0 || Addresses.isAbove(from, to)) {
                return 0;
            }
            long aligned = mostAligned(from, to);
            // The border is one page lower, because an operation that starts at the aligned address also needs its
            // neighbour below.
            long border = Addresses.isBelow(from, aligned) ? aligned - pageSize : aligned;
            VmArea there = tree.get(border);
            if (there != null && there.start() != border) {
                border = Addresses.isBelow(there.start(), from) ? there.end() : there.start();
            }
            border = crossings.outside(border, from, to);
            return border == 0 || Addresses.isAbove(border, to) || isCrossed(tree, border) ? 0 : border;
        }

        private void sort() {
            for (int i = 1; i < known; i++) {
                for (int j = i; j > 0 && Addresses.isBelow(low[j], low[j - 1]); j--) {
                    swap(low, j);
                    swap(high, j);
                }
            }
        }

        private static void swap(long[] array, int i) {
            long value = array[i];
            array[i] = array[i - 1];
            array[i - 1] = value;
        }

        /**
         * Records that the parts of a division were joined for an operation.
         *
         * @param operations the number of operations that the parts had
         */
        void joined(long operations) {
            if (operations >= WORTHWHILE) {
                pause = 0;
                clear();
            } else {
                declined();
            }
        }

        /** Returns whether a division was declined recently. Racy, benign because it affects only speed. */
        boolean isPaused() {
            return pause != 0 && now() - joined < pause;
        }

        /** Records that a division was made. */
        void divided() {
            pause = 0;
        }

        /**
         * Records that these meetings led to no division. Meetings within the next pause will not lead to one either.
         */
        void declined() {
            pause = Pause.next(pause, FIRST_PAUSE, LONGEST_PAUSE);
            joined = now();
            clear();
        }
    }

    /**
     * The ranges of operations that needed two parts soon after a division; no border should lie inside such a range.
     * Only the latest ones are kept, because threads move on to other places. Immutable.
     */
    static final class RecentCrossings {
        static final RecentCrossings NONE = new RecentCrossings(BorderSearch.NONE);

        /** The maximum number of ranges. */
        private static final int MOST = 64;

        /** The start and the end of each range, the oldest first. */
        private final long[] bounds;

        private RecentCrossings(long[] bounds) {
            this.bounds = bounds;
        }

        boolean isEmpty() {
            return bounds.length == 0;
        }

        /** Returns these ranges and another one. */
        RecentCrossings with(long start, long end) {
            for (int i = 0; i < bounds.length; i += 2) {
                if (bounds[i] == start && bounds[i + 1] == end) {
                    return this;
                }
            }
            int kept = Math.min(bounds.length, 2 * MOST - 2);
            long[] more = Arrays.copyOf(Arrays.copyOfRange(bounds, bounds.length - kept, bounds.length), kept + 2);
            more[kept] = start;
            more[kept + 1] = end;
            return new RecentCrossings(more);
        }

        /**
         * Returns an address in {@code [from, to]} that lies inside none of the ranges, near {@code border}; 0 if no
         * end of a range is suitable.
         */
        long outside(long border, long from, long to) {
            long moved = border;
            for (int i = 0; i < bounds.length; i += 2) {
                if (Addresses.isBelow(bounds[i], moved) && Addresses.isBelow(moved, bounds[i + 1])) {
                    if (!Addresses.isAbove(bounds[i + 1], to)) {
                        moved = bounds[i + 1];
                    } else if (!Addresses.isBelow(bounds[i], from)) {
                        moved = bounds[i];
                    } else {
                        return 0;
                    }
                }
            }
            for (int i = 0; i < bounds.length; i += 2) {
                if (Addresses.isBelow(bounds[i], moved) && Addresses.isBelow(moved, bounds[i + 1])) {
                    return 0;
                }
            }
            return moved;
        }
    }

    /**
     * The number of operations, in all parts together, after which a division is no longer recent. By then each
     * runnable thread has run.
     */
    private static final long SOON = 1 << 15;

    /** The number of failed searches for borders after which the ranges that should stay whole are forgotten. */
    private static final int MOST_IN_VAIN = 64;

    private final long pageSize;

    /** The contention for the layout lock. Caller holds that lock. */
    final LockContention contention = new LockContention();

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
    private long[] earlier = NONE;

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
                return NONE;
            }
            long[] borders = known == null || (!further.isPaused() && part.room(known) > 0)
                    ? met.borders(part.tree, pageSize, crossings)
                    : NONE;
            if (borders.length != 0) {
                met.clear();
            } else {
                met.declined();
                forgetSpans();
            }
            return borders;
        } catch (Throwable thrown) {
            met.clear();
            noteFailure(thrown);
            return NONE;
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
        long[] old = without(earlier, unneeded);
        if (old.length + more >= LayoutParts.MOST) {
            old = without(old, unused);
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
        return isInWay && operations < SOON
                ? crossings.with(start & -pageSize, (end + pageSize - 1) & -pageSize)
                : crossings;
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

    /* Addresses between the parts of a layout, in ascending order. */

    /**
     * Returns the address in {@code [from, to]} with the most trailing zero bits. An allocator aligns the areas that it
     * hands to threads. So this address rarely lies inside such an area, even if an area that is not known yet lies
     * between {@code from} and {@code to}. The midpoint would lie inside it more often: if three areas are at equal
     * distances, the midpoint is inside the middle one.
     *
     * @param from not 0, and at most {@code to}
     */
    static long mostAligned(long from, long to) {
        return to & -Long.highestOneBit((from - 1) ^ to);
    }

    /** Returns whether a VMA lies across an address. */
    static boolean isCrossed(MapleTree<VmArea> tree, long border) {
        VmArea there = tree.get(border);
        return there != null && there.start() != border;
    }

    /**
     * Removes, from the first {@code count} elements of an array, the addresses inside a range. Returns how many
     * remain.
     */
    static int leaveOut(long[] borders, int count, long start, long end) {
        int left = 0;
        for (int i = 0; i < count; i++) {
            if (!Addresses.isBelow(start, borders[i]) || !Addresses.isBelow(borders[i], end)) {
                borders[left++] = borders[i];
            }
        }
        return left;
    }

    /**
     * Removes, from the first {@code count} elements of an array, the addresses that lie inside a VMA. Returns how many
     * remain.
     */
    static int leaveOutCrossed(long[] borders, int count, MapleTree<VmArea> tree) {
        int left = 0;
        for (int i = 0; i < count; i++) {
            if (!isCrossed(tree, borders[i])) {
                borders[left++] = borders[i];
            }
        }
        return left;
    }

    /** Returns the addresses that are not inside a range. */
    static long[] outside(long[] borders, long start, long end) {
        long[] kept = borders.clone();
        return Arrays.copyOf(kept, leaveOut(kept, kept.length, start, end));
    }

    /** Returns the borders that are not among {@code others}. */
    static long[] without(long[] borders, long[] others) {
        long[] kept = new long[borders.length];
        int count = 0;
        for (long border : borders) {
            if (!contains(others, border)) {
                kept[count++] = border;
            }
        }
        return Arrays.copyOf(kept, count);
    }

    private static boolean contains(long[] borders, long border) {
        for (long each : borders) {
            if (each == border) {
                return true;
            }
        }
        return false;
    }

    /**
     * Returns the old borders, and as many new ones as there is room for. If not all new ones fit, they are picked at
     * even intervals.
     */
    static long[] merged(long[] old, long[] more, int most) {
        long[] added = without(more, old);
        int room = Math.max(0, Math.min(added.length, most - old.length));
        long[] all = Arrays.copyOf(old, old.length + room);
        for (int i = 0; i < room; i++) {
            all[old.length + i] = added[room == added.length ? i : (i + 1) * added.length / (room + 1)];
        }
        return distinct(Addresses.sorted(all, all.length));
    }

    /** Returns ascending addresses without duplicates. */
    static long[] distinct(long[] sorted) {
        long[] kept = sorted.clone();
        int count = 0;
        for (long border : sorted) {
            if (count == 0 || kept[count - 1] != border) {
                kept[count++] = border;
            }
        }
        return Arrays.copyOf(kept, count);
    }

    /** Returns the VMA boundaries nearest to a range, ascending. For {@link #IS_FORCED}. */
    static long[] around(MapleTree<VmArea> tree, long start, long end) {
        long[] borders = new long[2 * EACH];
        int count = 0;
        long address = start;
        while (count < EACH && address != 0) {
            VmArea vma = tree.atOrBefore(address - 1);
            if (vma == null) {
                break;
            }
            long next = Addresses.isAtMost(vma.end(), address) && vma.end() != address ? vma.end() : vma.start();
            address = next;
            count = add(borders, count, next);
        }
        int below = count;
        address = end;
        while (count < below + EACH && address != -1) {
            VmArea vma = tree.atOrAfter(address);
            if (vma == null) {
                break;
            }
            long next = Addresses.isBelow(address, vma.start()) ? vma.start() : vma.end();
            address = next;
            count = add(borders, count, next);
        }
        if (!isCrossed(tree, start)) {
            count = add(borders, count, start);
        }
        return distinct(Addresses.sorted(borders, count));
    }

    private static int add(long[] borders, int count, long border) {
        if (border == 0 || border == -1 || count == borders.length) {
            return count;
        }
        borders[count] = border;
        return count + 1;
    }
}
