// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.util.Arrays;
import java.util.Locale;

/**
 * Half-open ranges of addresses, in the order in which they were added. Usually there is none or one, which takes no
 * further object. Ranges that ascend are searched by bisection, and others one by one. For one thread, or guarded by a
 * lock.
 */
public final class Ranges {
    /**
     * The ranges of a full block. A long list grows by a block: a copy of it, in memory that is new to the processor,
     * would take longer than a lock that is held meanwhile should be.
     */
    private static final int BLOCK = 512;

    private static final int BLOCK_SHIFT = Integer.numberOfTrailingZeros(BLOCK);
    private static final long[] NO_BLOCK = {};
    private static final long[][] NO_MORE = {};

    /** The empty list of ranges; {@link #with} replaces it by a new list. */
    public static final Ranges NONE = new Ranges();

    private long firstStart;
    private long firstEnd;

    /** The starts and ends, in turn, of all ranges but the first. Only the first block may be smaller than others. */
    private long[][] more = NO_MORE;

    private int count;

    /** Whether each range lies above the one before it. */
    private boolean ascends = true;

    /** The number of ranges at the last {@link #seal}, and whether they ascended. */
    private int sealed;

    private boolean sealedAscends = true;

    /**
     * Adds a range like {@link #add} to this list, or to a new one if this is {@link #NONE}. Returns the list that has
     * the range.
     */
    public Ranges with(long start, long end) {
        Ranges to = this == NONE ? new Ranges() : this;
        to.add(start, end);
        return to;
    }

    /** Adds a range that is not empty. A range that begins at the end of the last one extends the last one. */
    public void add(long start, long end) {
        if (count > sealed && end(count - 1) == start) {
            // An end of 0 is that of the whole address space, above which no range lies.
            ascends &= Addresses.isBelow(start, end);
            setEnd(count - 1, end);
            return;
        }
        ascends &= Addresses.isBelow(start, end) && (count == 0 || Addresses.isAtMost(end(count - 1), start));
        if (count == 0) {
            firstStart = start;
            firstEnd = end;
        } else {
            int at = count - 1;
            long[] block = blockFor(at);
            block[startIn(at)] = start;
            block[startIn(at) + 1] = end;
        }
        count++;
    }

    /**
     * Returns the block for a range, and allocates it if need be.
     *
     * @param at the index of the range among all but the first
     */
    private long[] blockFor(int at) {
        int number = at >>> BLOCK_SHIFT;
        if (number == more.length) {
            more = Arrays.copyOf(more, Math.max(1, 2 * number));
            Arrays.fill(more, number, more.length, NO_BLOCK);
        }
        long[] block = more[number];
        if (startIn(at) >= block.length) {
            block = Arrays.copyOf(block, number > 0 ? 2 * BLOCK : Math.max(4, 2 * block.length));
            more[number] = block;
        }
        return block;
    }

    private static int startIn(int at) {
        return 2 * (at & (BLOCK - 1));
    }

    private void setEnd(int i, long end) {
        if (i == 0) {
            firstEnd = end;
        } else {
            more[(i - 1) >>> BLOCK_SHIFT][startIn(i - 1) + 1] = end;
        }
    }

    public void clear() {
        count = 0;
        ascends = true;
        sealed = 0;
        sealedAscends = true;
    }

    /** Keeps the ranges as they are: a later one does not extend them, and {@link #unseal} removes later ones. */
    public void seal() {
        if (this != NONE) {
            sealed = count;
            sealedAscends = ascends;
        }
    }

    /** Removes the ranges that were added since the last {@link #seal}. */
    public void unseal() {
        if (this != NONE) {
            count = sealed;
            ascends = sealedAscends;
        }
    }

    /** Returns the number of ranges at the last {@link #seal}. */
    public int sealed() {
        return sealed;
    }

    public boolean isEmpty() {
        return count == 0;
    }

    public int size() {
        return count;
    }

    public long start(int i) {
        return i == 0 ? firstStart : more[(i - 1) >>> BLOCK_SHIFT][startIn(i - 1)];
    }

    public long end(int i) {
        return i == 0 ? firstEnd : more[(i - 1) >>> BLOCK_SHIFT][startIn(i - 1) + 1];
    }

    public boolean overlap(long start, long end) {
        if (ascends && Addresses.isBelow(start, end)) {
            int i = firstEndingAbove(start);
            return i < count && Addresses.isBelow(start(i), end);
        }
        for (int i = 0; i < count; i++) {
            if (Addresses.overlap(start(i), end(i), start, end)) {
                return true;
            }
        }
        return false;
    }

    public boolean overlap(Ranges others) {
        // The longer list is searched, which may be by bisection.
        Ranges few = count < others.count ? this : others;
        Ranges many = few == this ? others : this;
        for (int i = 0; i < few.count; i++) {
            if (many.overlap(few.start(i), few.end(i))) {
                return true;
            }
        }
        return false;
    }

    /** Returns the index of the first range that overlaps another one, or -1. */
    public int firstOver(long start, long end) {
        for (int i = 0; i < count; i++) {
            if (Addresses.overlap(start(i), end(i), start, end)) {
                return i;
            }
        }
        return -1;
    }

    /** Returns whether one of the ranges has the whole of another one. */
    public boolean cover(long start, long end) {
        for (int i = 0; i < count; i++) {
            if (Addresses.isAtMost(start(i), start) && Addresses.isAtMost(end, end(i))) {
                return true;
            }
        }
        return false;
    }

    public boolean contain(long address) {
        if (ascends) {
            int i = firstEndingAbove(address);
            return i < count && Addresses.isAtMost(start(i), address);
        }
        for (int i = 0; i < count; i++) {
            if (Addresses.contains(start(i), end(i), address)) {
                return true;
            }
        }
        return false;
    }

    /** Returns the highest end of a range at or below an address, or a floor if that is higher. */
    public long highestEnd(long address, long floor) {
        if (ascends) {
            int i = firstEndingAbove(address) - 1;
            return i < 0 ? floor : Addresses.higher(end(i), floor);
        }
        long highest = floor;
        for (int i = 0; i < count; i++) {
            if (Addresses.isAtMost(end(i), address)) {
                highest = Addresses.higher(end(i), highest);
            }
        }
        return highest;
    }

    /** Returns the lowest start of a range above an address, or a ceiling if that is lower. */
    public long lowestStart(long address, long ceiling) {
        if (ascends) {
            int i = firstEndingAbove(address);
            // The address may lie in the range.
            i += i < count && !Addresses.isAbove(start(i), address) ? 1 : 0;
            return i == count ? ceiling : Addresses.lower(start(i), ceiling);
        }
        long lowest = ceiling;
        for (int i = 0; i < count; i++) {
            if (Addresses.isAbove(start(i), address)) {
                lowest = Addresses.lower(start(i), lowest);
            }
        }
        return lowest;
    }

    /** Returns the index of the first range whose end is above an address, or the number of ranges. They ascend. */
    private int firstEndingAbove(long address) {
        int low = 0;
        int high = count;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (Addresses.isAbove(end(middle), address)) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < count; i++) {
            text.append(String.format(Locale.ROOT, "%s%x-%x", i == 0 ? "" : ", ", start(i), end(i)));
        }
        return text.toString();
    }
}
