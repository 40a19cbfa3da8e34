// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import java.util.Arrays;

/**
 * The entries that a move removed at its source, each with its offset from the start of the move. Used by one thread.
 */
final class MovedEntries {
    /* A move may have a million entries, so an entry is one word in each of two arrays instead of an object. */
    private long[] distances = new long[16];
    private long[] ptes = new long[16];
    private int size;

    int size() {
        return size;
    }

    /** Ensures capacity for one more entry, so that the next {@link #add} does not fail. */
    void ensureCapacity() {
        if (size == ptes.length) {
            long[] more = Arrays.copyOf(distances, 2 * size);
            ptes = Arrays.copyOf(ptes, 2 * size);
            distances = more;
        }
    }

    void add(long distance, long pte) {
        distances[size] = distance;
        ptes[size++] = pte;
    }

    long distance(int index) {
        return distances[index];
    }

    long pte(int index) {
        return ptes[index];
    }
}
