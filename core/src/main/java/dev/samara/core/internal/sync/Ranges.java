// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.util.Arrays;
import java.util.Locale;

/**
 * A few half-open ranges of addresses, in the order in which they were added. Usually there is none or one, which takes
 * no further object. For one thread, or guarded by a lock.
 */
public final class Ranges {
    private static final long[] NO_MORE = {};

    /** The empty list of ranges; {@link #with} replaces it by a new list. */
    public static final Ranges NONE = new Ranges();

    private long firstStart;
    private long firstEnd;

    /** The starts and ends, in turn, of all ranges but the first. */
    private long[] more = NO_MORE;

    private int count;

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
        if (count != 0 && end(count - 1) == start) {
            setEnd(count - 1, end);
            return;
        }
        if (count == 0) {
            firstStart = start;
            firstEnd = end;
        } else {
            int at = 2 * (count - 1);
            if (at == more.length) {
                more = Arrays.copyOf(more, Math.max(4, 2 * at));
            }
            more[at] = start;
            more[at + 1] = end;
        }
        count++;
    }

    private void setEnd(int i, long end) {
        if (i == 0) {
            firstEnd = end;
        } else {
            more[2 * i - 1] = end;
        }
    }

    public void clear() {
        count = 0;
    }

    public boolean isEmpty() {
        return count == 0;
    }

    public int size() {
        return count;
    }

    public long start(int i) {
        return i == 0 ? firstStart : more[2 * i - 2];
    }

    public long end(int i) {
        return i == 0 ? firstEnd : more[2 * i - 1];
    }

    public boolean overlap(long start, long end) {
        for (int i = 0; i < count; i++) {
            if (Addresses.overlap(start(i), end(i), start, end)) {
                return true;
            }
        }
        return false;
    }

    public boolean overlap(Ranges others) {
        for (int i = 0; i < others.count; i++) {
            if (overlap(others.start(i), others.end(i))) {
                return true;
            }
        }
        return false;
    }

    public boolean contain(long address) {
        for (int i = 0; i < count; i++) {
            if (Addresses.contains(start(i), end(i), address)) {
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
