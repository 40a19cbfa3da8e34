// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Backoff;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.maple.MapleTree;
import java.util.Arrays;

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
class LockContention {
    /** The maximum number of recorded threads. */
    private static final int MOST_THREADS = 16;

    /** The number of meetings that lead to a division. */
    private static final int ENOUGH = 16;

    /**
     * In nanoseconds. If {@link #ENOUGH} meetings take longer than this, contention costs too little for a division.
     * Even a thread that is overtaken repeatedly gets the lock every few milliseconds.
     */
    private static final long WINDOW = 100_000_000;

    /** The number of operations in parts that saves the time of a division and a join, about fifty microseconds. */
    private static final long WORTHWHILE = 512;

    /** In nanoseconds. Twenty times the time of a division and a join. */
    private static final long FIRST_PAUSE = 1_000_000;

    /** In nanoseconds. The maximum time for which threads that would gain from a division go without one. */
    private static final long LONGEST_PAUSE = 64_000_000;

    /*
     * Identity hash codes, because a thread that ended must not stay reachable. Two threads with the same code count as
     * one.
     */
    private final int[] threads = new int[MOST_THREADS];
    private final long[] low = new long[MOST_THREADS];
    private final long[] high = new long[MOST_THREADS];
    private int known;
    private int count;
    private long began;

    /** The time after a join or a declined division in which the layout is not divided, and the start of that time. */
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
            // Not recorded: the call has no range; or its range is empty, and would get a border on both of its sides.
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
     * Returns the addresses between the places of the threads: ascending, not in a VMA, and none if the places overlap.
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
                long border = border(tree, roundUp(reached, pageSize), low[i] & -pageSize, pageSize, crossings);
                if (border != 0) {
                    borders[found++] = border;
                }
            }
            reached = Addresses.higher(reached, high[i]);
        }
        return found == 0 ? Borders.NONE : Arrays.copyOf(borders, found);
    }

    private static long roundUp(long address, long pageSize) {
        return (address + pageSize - 1) & -pageSize;
    }

    /**
     * Returns an address in {@code [from, to]} that no VMA crosses and that is in none of the ranges; 0 if there is
     * none.
     */
    private static long border(MapleTree<VmArea> tree, long from, long to, long pageSize, RecentCrossings crossings) {
        if (from == 0 || Addresses.isAbove(from, to)) {
            return 0;
        }
        long aligned = Borders.mostAligned(from, to);
        // The border is one page lower, because an operation that starts at the aligned address also needs its
        // neighbour below.
        long border = Addresses.isBelow(from, aligned) ? aligned - pageSize : aligned;
        VmArea there = tree.get(border);
        if (there != null && there.start() != border) {
            border = Addresses.isBelow(there.start(), from) ? there.end() : there.start();
        }
        border = crossings.outside(border, from, to);
        return border == 0 || Addresses.isAbove(border, to) || Borders.isCrossed(tree, border) ? 0 : border;
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

    /** Records that these meetings led to no division. Meetings within the next pause will not lead to one either. */
    void declined() {
        pause = Backoff.next(pause, FIRST_PAUSE, LONGEST_PAUSE);
        joined = now();
        clear();
    }
}
