// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench;

import dev.samara.bench.index.Range;
import dev.samara.bench.index.RangeIndex;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;

/**
 * The stored ranges. They are drawn by {@code SplittableRandom} from a fixed seed, so they are the same for each
 * structure and each run.
 *
 * <p>Ranges are page-aligned and 1 to 64 pages long. A hole of 1 to 64 pages precedes every third range, so three
 * quarters of the span are covered. For a fuller or emptier span, a hole precedes every n-th range.
 */
public final class KeySet {
    /** The size of a page in bytes. */
    public static final long PAGE = 4096;

    /** The seed for all random choices that must be reproducible. */
    static final long SEED = 42;

    private static final int MAX_PAGES = 64;
    private static final long BASE = 16 * PAGE;
    private static final int RANGES_PER_HOLE = 3;

    private final List<Range> sorted;
    private final long end;

    private KeySet(List<Range> sorted, long end) {
        this.sorted = Collections.unmodifiableList(sorted);
        this.end = end;
    }

    /**
     * Returns the key set of the lookup benchmarks.
     *
     * @param size the number of ranges
     * @return the set
     */
    public static KeySet of(int size) {
        return of(size, RANGES_PER_HOLE);
    }

    /**
     * Returns a key set with more or fewer holes.
     *
     * @param size the number of ranges
     * @param rangesPerHole the number of ranges between one hole and the next
     * @return the set
     */
    static KeySet of(int size, int rangesPerHole) {
        SplittableRandom random = new SplittableRandom(SEED);
        SplittableRandom offsets = new SplittableRandom(SEED + 1);
        List<Range> sorted = new ArrayList<>(size);
        long next = BASE;
        for (int i = 0; i < size; i++) {
            if (i % rangesPerHole == 0) {
                next += pages(random);
            }
            long first = next;
            next += pages(random);
            sorted.add(new Range(first, next - 1, offsets.nextInt((int) PAGE)));
        }
        return new KeySet(sorted, next);
    }

    private static long pages(SplittableRandom random) {
        return random.nextLong(1, MAX_PAGES + 1L) * PAGE;
    }

    /**
     * Returns the ranges in ascending order.
     *
     * @return all ranges
     */
    public List<Range> sorted() {
        return sorted;
    }

    /**
     * Returns the ranges in the order in which they are stored.
     *
     * @return all ranges
     */
    public List<Range> shuffled() {
        List<Range> shuffled = new ArrayList<>(sorted);
        Collections.shuffle(shuffled, new Random(SEED));
        return shuffled;
    }

    /** The lowest address of the span. */
    long start() {
        return BASE;
    }

    /** The first address after the span. */
    long end() {
        return end;
    }

    /** Returns the first address of the hole before a range, or that range's first address if there is no hole. */
    long holeBefore(int i) {
        return i == 0 ? BASE : sorted.get(i - 1).last() + 1;
    }

    /** Checks that an index holds exactly these ranges. */
    @SuppressWarnings("ReferenceEquality") // an index must return the stored object, not a copy
    void requireIn(RangeIndex index) {
        for (int i = 0; i < sorted.size(); i++) {
            Range range = sorted.get(i);
            long hole = holeBefore(i);
            if (index.get(range.first()) != range
                    || index.get(range.last()) != range
                    || (hole < range.first() && (index.get(hole) != null || index.get(range.first() - 1) != null))) {
                throw new IllegalStateException("an index is wrong around 0x" + Long.toHexString(range.first()));
            }
        }
    }
}
