// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

/** Looks for room and stores there, in one step that no other writer can get into. */
public interface GapStore {
    /** What a search returns that has found no room. */
    long NONE = -1;

    /**
     * Stores at the lowest address from which there is room.
     *
     * @param size how much room
     * @param min where it may begin
     * @param max up to where it may reach, inclusive
     * @param value what to store; an index whose values must know their bounds stores a copy with the right ones
     * @return where it now begins, or {@link #NONE}
     */
    long storeLowest(long size, long min, long max, Range value);

    /**
     * Stores at the highest address from which there is room.
     *
     * @param size how much room
     * @param min where it may begin
     * @param max up to where it may reach, inclusive
     * @param value what to store; an index whose values must know their bounds stores a copy with the right ones
     * @return where it now begins, or {@link #NONE}
     */
    long storeHighest(long size, long min, long max, Range value);

    /**
     * Stores at a place that is known to be free.
     *
     * @param first where it begins
     * @param last where it ends
     * @param value what to store; an index whose values must know their bounds stores a copy with the right ones
     */
    void storeAt(long first, long last, Range value);

    /**
     * Removes what a search has stored, or {@link #storeAt}.
     *
     * @param first where it begins
     * @param last where it ends
     */
    void free(long first, long last);
}
