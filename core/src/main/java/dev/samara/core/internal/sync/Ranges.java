// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.util.Arrays;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Half-open ranges of addresses, in the order in which they were added. Usually there is at most one range, which needs
 * no further object. If the ranges form one or a few ascending sequences, they are searched by bisection, otherwise
 * linearly. Used by one thread, or guarded by a lock.
 */
public final class Ranges {
    /**
     * The number of ranges in a full block. A long list grows by blocks, because a copy of the list into memory that is
     * not in the cache would take longer than a lock should be held.
     */
    private static final int BLOCK = 512;

    private static final int BLOCK_SHIFT = Integer.numberOfTrailingZeros(BLOCK);
    private static final long[] NO_BLOCK = {};
    private static final long[][] NO_MORE = {};

    /**
     * The maximum number of sequences that are searched by bisection. A move of many mappings has two sequences, its
     * sources and its targets.
     */
    private static final int MOST_SEQUENCES = 4;

    private static final Sequence[] ONE_SEQUENCE = {};

    /** Indexes of ranges, each of which lies above the previous range. */
    private static final class Sequence {
        /** How many indexes, from the first one on, are equal to their positions. */
        private int same;

        /** The remaining indexes. */
        private int[] others = new int[8];

        private int size;

        Sequence(int same) {
            this.same = same;
            size = same;
        }

        int index(int position) {
            return position < same ? position : others[position - same];
        }

        void makeRoom() {
            if (size - same == others.length) {
                others = Arrays.copyOf(others, 2 * others.length);
            }
        }

        /** Adds an index, for which {@link #makeRoom} made room. */
        void add(int index) {
            others[size - same] = index;
            size++;
        }

        /** Removes a given index and all higher ones. */
        void removeFrom(int index) {
            while (size > 0 && index(size - 1) >= index) {
                size--;
            }
            same = Math.min(same, size);
        }
    }

    /** The empty list of ranges; {@link #with} replaces it by a new list. */
    public static final Ranges NONE = new Ranges();

    /**
     * Words: all mutable fields.
     * Written: the operation, and then holder of the district's lock (plain).
     * Read: as written.
     * Invariant: as for the range or the ticket to which the list belongs.
     */
    private long firstStart;

    private long firstEnd;

    /**
     * The starts and ends, in turn, of all ranges but the first. Only the first block may be smaller than a full block.
     */
    private long[][] more = NO_MORE;

    private int count;

    /**
     * Empty while each range lies above the previous one. Otherwise each range is in one sequence, unless the ranges
     * are unordered.
     */
    private Sequence[] sequences = ONE_SEQUENCE;

    /** Whether the ranges form too many sequences, or a range reaches the end of the address space. */
    private boolean isUnordered;

    /** The number of ranges at the last {@link #seal}, and whether they were unordered. */
    private int sealed;

    private boolean sealedIsUnordered;

    /**
     * Adds a range like {@link #add} to this list, or to a new one if this is {@link #NONE}. Returns the list that
     * contains the range.
     */
    public Ranges with(long start, long end) {
        Ranges to = this == NONE ? new Ranges() : this;
        to.add(start, end);
        return to;
    }

    /** Adds a range that is not empty. A range that starts at the end of the last one extends the last one. */
    public void add(long start, long end) {
        // An end of 0 is the end of the whole address space, above which no range lies.
        boolean isOrdered = !isUnordered && Addresses.isBelow(start, end);
        if (count > sealed && end(count - 1) == start) {
            isUnordered = !isOrdered;
            setEnd(count - 1, end);
            return;
        }
        isOrdered = isOrdered && (ascendsTo(start) || hasSequenceFor(start));
        Sequence sequence = isOrdered && sequences != ONE_SEQUENCE ? sequenceFor(start) : null;
        if (count == 0) {
            firstStart = start;
            firstEnd = end;
        } else {
            int at = count - 1;
            long[] block = blockFor(at);
            block[startIn(at)] = start;
            block[startIn(at) + 1] = end;
        }
        if (sequence != null) {
            sequence.add(count);
        }
        isUnordered = !isOrdered;
        count++;
    }

    /** Returns whether all ranges ascend, and lie below an address. */
    private boolean ascendsTo(long start) {
        return sequences == ONE_SEQUENCE && (count == 0 || Addresses.isAtMost(end(count - 1), start));
    }

    /**
     * Returns whether there is a sequence whose ranges all lie below an address. If there is none, starts another
     * sequence, unless there are already {@link #MOST_SEQUENCES}.
     */
    private boolean hasSequenceFor(long start) {
        if (sequences == ONE_SEQUENCE) {
            sequences = new Sequence[] {new Sequence(count)};
        }
        if (sequenceFor(start) != null) {
            return true;
        }
        if (sequences.length == MOST_SEQUENCES) {
            return false;
        }
        sequences = Arrays.copyOf(sequences, sequences.length + 1);
        sequences[sequences.length - 1] = new Sequence(0);
        return true;
    }

    /**
     * Returns the first sequence whose ranges all lie below an address, with room for one more; null if there is none.
     */
    private @Nullable Sequence sequenceFor(long start) {
        for (Sequence sequence : sequences) {
            if (sequence.size == 0 || Addresses.isAtMost(end(sequence.index(sequence.size - 1)), start)) {
                sequence.makeRoom();
                return sequence;
            }
        }
        return null;
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
        sequences = ONE_SEQUENCE;
        isUnordered = false;
        sealed = 0;
        sealedIsUnordered = false;
    }

    /** Seals the ranges: a later range does not extend them, and {@link #unseal} removes later ranges. */
    public void seal() {
        if (this != NONE) {
            sealed = count;
            sealedIsUnordered = isUnordered;
        }
    }

    /** Removes the ranges that were added since the last {@link #seal}. */
    public void unseal() {
        if (this != NONE) {
            count = sealed;
            isUnordered = sealedIsUnordered;
            for (Sequence sequence : sequences) {
                sequence.removeFrom(sealed);
            }
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
        if (!isUnordered && Addresses.isBelow(start, end)) {
            for (int i = 0; i < sequences(); i++) {
                int found = firstEndingAbove(start, i);
                if (found < count && Addresses.isBelow(start(found), end)) {
                    return true;
                }
            }
            return false;
        }
        for (int i = 0; i < count; i++) {
            if (Addresses.overlap(start(i), end(i), start, end)) {
                return true;
            }
        }
        return false;
    }

    public boolean overlap(Ranges others) {
        // Searches the longer list, possibly by bisection.
        Ranges few = count < others.count ? this : others;
        Ranges many = few == this ? others : this;
        for (int i = 0; i < few.count; i++) {
            if (many.overlap(few.start(i), few.end(i))) {
                return true;
            }
        }
        return false;
    }

    /** Returns the index of the first range that overlaps the given one, or -1. */
    public int firstOver(long start, long end) {
        for (int i = 0; i < count; i++) {
            if (Addresses.overlap(start(i), end(i), start, end)) {
                return i;
            }
        }
        return -1;
    }

    /** Returns whether one of the ranges contains the whole of the given one. */
    public boolean cover(long start, long end) {
        for (int i = 0; i < count; i++) {
            if (Addresses.isAtMost(start(i), start) && Addresses.isAtMost(end, end(i))) {
                return true;
            }
        }
        return false;
    }

    public boolean contain(long address) {
        if (!isUnordered) {
            for (int i = 0; i < sequences(); i++) {
                int found = firstEndingAbove(address, i);
                if (found < count && Addresses.isAtMost(start(found), address)) {
                    return true;
                }
            }
            return false;
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
        long highest = floor;
        if (!isUnordered) {
            for (int i = 0; i < sequences(); i++) {
                int above = positionEndingAbove(address, i);
                highest = above == 0 ? highest : Addresses.higher(end(index(above - 1, i)), highest);
            }
            return highest;
        }
        for (int i = 0; i < count; i++) {
            if (Addresses.isAtMost(end(i), address)) {
                highest = Addresses.higher(end(i), highest);
            }
        }
        return highest;
    }

    /** Returns the lowest start of a range above an address, or a ceiling if that is lower. */
    public long lowestStart(long address, long ceiling) {
        long lowest = ceiling;
        if (!isUnordered) {
            for (int i = 0; i < sequences(); i++) {
                int position = positionEndingAbove(address, i);
                // Skips a range that contains the address.
                if (position < sizeOf(i) && !Addresses.isAbove(start(index(position, i)), address)) {
                    position++;
                }
                lowest = position == sizeOf(i) ? lowest : Addresses.lower(start(index(position, i)), lowest);
            }
            return lowest;
        }
        for (int i = 0; i < count; i++) {
            if (Addresses.isAbove(start(i), address)) {
                lowest = Addresses.lower(start(i), lowest);
            }
        }
        return lowest;
    }

    /** Returns the number of sequences to search. */
    private int sequences() {
        return Math.max(1, sequences.length);
    }

    private int sizeOf(int sequence) {
        return sequences == ONE_SEQUENCE ? count : sequences[sequence].size;
    }

    private int index(int position, int sequence) {
        return sequences == ONE_SEQUENCE ? position : sequences[sequence].index(position);
    }

    /** Returns the index of the first range of a sequence whose end is above an address, or the number of ranges. */
    private int firstEndingAbove(long address, int sequence) {
        int position = positionEndingAbove(address, sequence);
        return position == sizeOf(sequence) ? count : index(position, sequence);
    }

    /** Returns the position in a sequence of the first range whose end is above an address, or its size. */
    private int positionEndingAbove(long address, int sequence) {
        int low = 0;
        int high = sizeOf(sequence);
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (Addresses.isAbove(end(index(middle, sequence)), address)) {
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
