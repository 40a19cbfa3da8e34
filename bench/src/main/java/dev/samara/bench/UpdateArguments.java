// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench;

import dev.samara.bench.index.Range;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * The arguments of updates: stored ranges, and ranges for the holes between them. They are drawn before
 * the measurement.
 */
final class UpdateArguments {
    /** The number of picks drawn; updates cycle through them. A power of two. */
    static final int PICKS = 1 << 16;

    private final KeySet keys;
    private final SplittableRandom random = new SplittableRandom(~KeySet.SEED);

    UpdateArguments(KeySet keys) {
        this.keys = keys;
    }

    Range[] stored() {
        Range[] picks = new Range[PICKS];
        for (int i = 0; i < PICKS; i++) {
            picks[i] = keys.sorted().get(random.nextInt(keys.sorted().size()));
        }
        return picks;
    }

    /** Returns random ranges within random holes, often whole holes. */
    Range[] forHoles() {
        int[] behind = behindHoles();
        Range[] picks = new Range[PICKS];
        for (int i = 0; i < PICKS; i++) {
            int at = behind[random.nextInt(behind.length)];
            long hole = keys.holeBefore(at);
            long pages = (keys.sorted().get(at).first() - hole) / KeySet.PAGE;
            long from = random.nextLong(pages);
            long to = random.nextLong(from, pages) + 1;
            picks[i] = new Range(hole + from * KeySet.PAGE, hole + to * KeySet.PAGE - 1, 0);
        }
        return picks;
    }

    /**
     * Returns random ranges that end at a hole, each followed by longer versions of it: one page is added at a time,
     * until the hole is full.
     */
    Range[][] grown(int count) {
        int[] behind = behindHoles();
        Range[][] picks = new Range[count][];
        for (int i = 0; i < count; i++) {
            int at = behind[random.nextInt(behind.length)];
            Range range = keys.sorted().get(at - 1);
            List<Range> stages = new ArrayList<>();
            stages.add(range);
            long end = keys.sorted().get(at).first();
            for (long last = range.last() + KeySet.PAGE; last < end; last += KeySet.PAGE) {
                stages.add(new Range(range.first(), last, range.next()));
            }
            picks[i] = stages.toArray(Range[]::new);
        }
        return picks;
    }

    /** Returns the indexes of the ranges that follow a hole. */
    private int[] behindHoles() {
        List<Range> sorted = keys.sorted();
        int[] behind = IntStream.range(1, sorted.size())
                .filter(i -> keys.holeBefore(i) < sorted.get(i).first())
                .toArray();
        if (behind.length == 0) {
            throw new IllegalArgumentException("so few ranges have no hole between them: " + sorted.size());
        }
        return behind;
    }
}
