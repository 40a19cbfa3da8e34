// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

/** Finds a free range and stores a range there, in one step that is atomic with respect to other writers. */
public interface GapStore {
    /** The result of a search that found no free range. */
    long NONE = -1;

    /**
     * Stores at the lowest address with enough free space.
     *
     * @param size the size of the range
     * @param min the lowest possible start
     * @param max the highest possible end, inclusive
     * @param value the value; an index whose values contain their bounds stores a copy with the actual bounds
     * @return the start of the range, or {@link #NONE}
     */
    long storeLowest(long size, long min, long max, Range value);

    /**
     * Stores at the highest address with enough free space.
     *
     * @param size the size of the range
     * @param min the lowest possible start
     * @param max the highest possible end, inclusive
     * @param value the value; an index whose values contain their bounds stores a copy with the actual bounds
     * @return the start of the range, or {@link #NONE}
     */
    long storeHighest(long size, long min, long max, Range value);

    /**
     * Stores a range that is known to be free.
     *
     * @param first the first address
     * @param last the last address, inclusive
     * @param value the value; an index whose values contain their bounds stores a copy with the actual bounds
     */
    void storeAt(long first, long last, Range value);

    /**
     * Removes a range that a search or {@link #storeAt} stored.
     *
     * @param first the first address
     * @param last the last address, inclusive
     */
    void free(long first, long last);
}
