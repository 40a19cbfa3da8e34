// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import java.util.Arrays;
import java.util.Locale;

/** A few half-open ranges of addresses, in the order in which they were added. For one thread, or guarded by a lock. */
final class Ranges {
    /** Starts and ends in turn. */
    private long[] bounds = new long[2];

    private int count;

    /** Adds a range that is not empty; one that begins where the last one ends continues that one. */
    void add(long start, long end) {
        if (count != 0 && bounds[2 * count - 1] == start) {
            bounds[2 * count - 1] = end;
            return;
        }
        if (2 * count == bounds.length) {
            bounds = Arrays.copyOf(bounds, 2 * bounds.length);
        }
        bounds[2 * count] = start;
        bounds[2 * count + 1] = end;
        count++;
    }

    void clear() {
        count = 0;
    }

    int size() {
        return count;
    }

    long start(int i) {
        return bounds[2 * i];
    }

    long end(int i) {
        return bounds[2 * i + 1];
    }

    boolean overlap(long start, long end) {
        for (int i = 0; i < count; i++) {
            if (Long.compareUnsigned(bounds[2 * i], end) < 0 && Long.compareUnsigned(start, bounds[2 * i + 1]) < 0) {
                return true;
            }
        }
        return false;
    }

    boolean contain(long address) {
        for (int i = 0; i < count; i++) {
            if (Long.compareUnsigned(address - bounds[2 * i], bounds[2 * i + 1] - bounds[2 * i]) < 0) {
                return true;
            }
        }
        return false;
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
