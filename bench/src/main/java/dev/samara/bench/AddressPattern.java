// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench;

import dev.samara.bench.index.Range;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/** The order in which addresses are looked up. All addresses are drawn before the measurement. */
final class AddressPattern {
    /**
     * Random addresses in the span. Three of four lookups hit. The lookups are independent, so a processor can overlap
     * them.
     */
    static final String RANDOM = "random";

    /**
     * Four of five addresses are in the range that was found last or in one of its neighbours. Every fifth address, on
     * average, is random.
     */
    static final String LOCAL = "local";

    /** Random addresses in the span, in ascending order. */
    static final String SEQUENTIAL = "sequential";

    /** Random pages in the span. The offset in the page comes from the previous result, so lookups cannot overlap. */
    static final String DEPENDENT = "dependent";

    /** The number of addresses drawn; lookups cycle through them. A power of two. */
    static final int ADDRESSES = 1 << 18;

    private AddressPattern() {}

    /**
     * Draws addresses.
     *
     * @param name the name of the pattern
     * @param keys the ranges that are looked up
     * @return {@link #ADDRESSES} addresses
     */
    static long[] draw(String name, KeySet keys) {
        return switch (name) {
            case RANDOM -> anywhere(keys);
            case LOCAL -> local(keys);
            case SEQUENTIAL -> {
                long[] addresses = anywhere(keys);
                Arrays.sort(addresses);
                yield addresses;
            }
            case DEPENDENT -> {
                long[] addresses = anywhere(keys);
                Arrays.setAll(addresses, i -> addresses[i] & -KeySet.PAGE);
                yield addresses;
            }
            default -> throw new IllegalArgumentException("no pattern is called " + name);
        };
    }

    private static long[] anywhere(KeySet keys) {
        return new SplittableRandom(~KeySet.SEED)
                .longs(ADDRESSES, keys.start(), keys.end())
                .toArray();
    }

    private static long[] local(KeySet keys) {
        SplittableRandom random = new SplittableRandom(~KeySet.SEED);
        List<Range> sorted = keys.sorted();
        long[] addresses = new long[ADDRESSES];
        int found = 0;
        for (int i = 0; i < ADDRESSES; i++) {
            if (random.nextInt(5) == 0) {
                addresses[i] = random.nextLong(keys.start(), keys.end());
                int below = floor(sorted, addresses[i]);
                if (below >= 0 && addresses[i] <= sorted.get(below).last()) {
                    found = below;
                }
            } else {
                int beside = found + random.nextInt(3) - 1;
                found = Math.max(0, Math.min(sorted.size() - 1, beside));
                Range range = sorted.get(found);
                addresses[i] = random.nextLong(range.first(), range.last() + 1);
            }
        }
        return addresses;
    }

    private static int floor(List<Range> sorted, long address) {
        int low = 0;
        int high = sorted.size();
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (sorted.get(middle).first() <= address) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low - 1;
    }
}
