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
 * parked for it. Each meeting is recorded with the range that the thread's operation names. If a division does not pay
 * off because its parts are soon joined again, the layout stays undivided for a period that doubles each time.
 *
 * <p>Not final: a test decides who meets and when.
 */
class LockContention {
    /** The threads that are noted. */
    private static final int MOST_THREADS = 16;

    /** The meetings before a division. */
    private static final int ENOUGH = 16;

    /**
     * In nanoseconds. Meetings that take longer to become enough cost too little. A thread that is overtaken again and
     * again gets the lock each few milliseconds.
     */
    private static final long WINDOW = 100_000_000;

    /** The operations in parts that save the time of a division and a join, some fifty microseconds. */
    private static final long WORTHWHILE = 512;

    /** In nanoseconds: twenty times a division and a join. */
    private static final long FIRST_PAUSE = 1_000_000;

    /** In nanoseconds: the time for which threads that would gain by a division may have to do without. */
    private static final long LONGEST_PAUSE = 64_000_000;

    /* Identity hash codes, since a thread that has ended must not stay reachable. Two threads of one code are one. */
    private final int[] threads = new int[MOST_THREADS];
    private final long[] low = new long[MOST_THREADS];
    private final long[] high = new long[MOST_THREADS];
    private int known;
    private int count;
    private long began;

    /** The time after a join, or after a division that was declined, in which there is none; and its beginning. */
    private long pause;

    private long joined;

    /**
     * Notes that the calling thread has met another one at the lock.
     *
     * @param start the first address that its operation names
     * @param end after the last address
     * @return whether {@link #borders} should be asked
     */
    boolean mayDivide(long start, long end) {
        if (end == -1 || !Addresses.isBelow(start, end)) {
            // Of a call that names no range, or one of length 0, which would have a border on both of its sides.
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

    /** Returns a number of the calling thread. */
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
     * @param crossings the ranges that should stay whole
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

    /** Returns an address in {@code [from, to]} that no VMA crosses and that is in none of the ranges; 0 for none. */
    private static long border(MapleTree<VmArea> tree, long from, long to, long pageSize, RecentCrossings crossings) {
        if (from == 0 || Addresses.isAbove(from, to)) {
            return 0;
        }
        long aligned = Borders.mostAligned(from, to);
        // A page below it: what begins there asks for its neighbour below.
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
     * Notes that the parts of a division were joined for an operation.
     *
     * @param operations the number of operations that they had
     */
    void joined(long operations) {
        if (operations >= WORTHWHILE) {
            pause = 0;
            clear();
        } else {
            declined();
        }
    }

    /** Returns whether a division was declined a short time ago. Racy, benign: it decides about speed only. */
    boolean isPaused() {
        return pause != 0 && now() - joined < pause;
    }

    /** Notes that a division was made. */
    void divided() {
        pause = 0;
    }

    /** Notes that these meetings lead to no division, and those of the next time will not. */
    void declined() {
        pause = Backoff.next(pause, FIRST_PAUSE, LONGEST_PAUSE);
        joined = now();
        clear();
    }
}
