// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;

/**
 * The ranges that every look-up suite stores, and the addresses it asks for: the same ones for each structure and each
 * run, since everything is drawn from one seed.
 *
 * <p>Ranges are page-aligned and 1 to 64 pages long, with a hole of 1 to 64 pages before every third, so three quarters
 * of the span are covered.
 */
final class KeySet {
    private static final long SEED = 42;
    private static final int PAGE_SHIFT = 12;
    private static final int MAX_PAGES = 64;
    private static final long BASE = 0x10000;

    private final List<Range> ranges;
    private final long end;

    private KeySet(List<Range> ranges, long end) {
        this.ranges = ranges;
        this.end = end;
    }

    /** A range of addresses, both bounds inclusive: what the structures hand back. */
    record Range(long first, long last) {}

    static KeySet of(int size) {
        SplittableRandom random = new SplittableRandom(SEED);
        List<Range> ranges = new ArrayList<>(size);
        long next = BASE;
        for (int i = 0; i < size; i++) {
            if (i % 3 == 0) {
                next += pages(random);
            }
            long first = next;
            next += pages(random);
            ranges.add(new Range(first, next - 1));
        }
        Collections.shuffle(ranges, new Random(SEED));
        return new KeySet(Collections.unmodifiableList(ranges), next);
    }

    /** The ranges in the order in which they are to be stored: shuffled. */
    List<Range> ranges() {
        return ranges;
    }

    /** Addresses drawn uniformly over the whole span. */
    long[] randomAddresses(int count) {
        return new SplittableRandom(~SEED).longs(count, BASE, end).toArray();
    }

    private static long pages(SplittableRandom random) {
        return random.nextLong(1, MAX_PAGES + 1L) << PAGE_SHIFT;
    }
}
