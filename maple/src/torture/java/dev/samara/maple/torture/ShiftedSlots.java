// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import dev.samara.maple.MapleTree;
import dev.samara.maple.Reader;
import dev.samara.maple.TwoLeaves;
import dev.samara.maple.Writer;
import java.util.Arrays;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * An entry is cut in three and made whole again. Each time, a leaf is replaced in place by one in which all later slots
 * are shifted by two. The entries in those slots stay: a reader that uses the pivots of one leaf to find a slot in the
 * other would find the wrong content.
 */
final class ShiftedSlots implements Actor {
    private static final int TURNS = 100;
    private static final int CUT = TwoLeaves.WINDOW;
    private static final int BEHIND = CUT + 2;

    private final TwoLeaves<Integer> cells = new TwoLeaves<>(cell -> cell);
    private final MapleTree<Integer> tree = cells.tree;
    private final Numbers numbers = new Numbers(1);

    private static boolean isCutIn(int state) {
        return state % 2 == 1;
    }

    @Override
    public void step(Random random) {
        long first = TwoLeaves.first(CUT);
        // Uses a writer, because the faster leaves replace each other, the more readers are between two of them.
        try (Writer<Integer> writer = tree.writer()) {
            for (int n = 0; n < TURNS; n++) {
                if (isCutIn(numbers.begin(0))) {
                    writer.store(first + 4, first + 7, -1);
                } else {
                    writer.store(first, TwoLeaves.last(CUT), CUT);
                }
                numbers.end(0);
            }
        }
    }

    /** Looks up in all ways. */
    Actor reader(Checker checker) {
        Reader<Integer> reader = tree.reader();
        long[] indexes = {
            TwoLeaves.first(CUT) + 5, TwoLeaves.last(BEHIND), TwoLeaves.first(CUT - 2), TwoLeaves.first(BEHIND)
        };
        @Nullable Integer[] found = new @Nullable Integer[indexes.length];
        return random -> {
            for (int n = 0; n < 3 * TURNS; n++) {
                int from = numbers.done(0);
                switch (random.nextInt(3)) {
                    case 0 -> tree.getAll(indexes, found);
                    case 1 -> {
                        for (int i = 0; i < indexes.length; i++) {
                            found[i] = reader.get(indexes[i]);
                        }
                    }
                    default -> {
                        for (int i = 0; i < indexes.length; i++) {
                            found[i] = tree.get(indexes[i]);
                        }
                    }
                }
                int to = numbers.begun(0);
                boolean holds = isMiddle(found[0], from, to)
                        && isAt(found[1], BEHIND)
                        && isAt(found[2], CUT - 2)
                        && isAt(found[3], BEHIND);
                checker.check(holds, holds ? "" : "in states " + from + " to " + to + ": " + Arrays.toString(found));
                if (from != to) {
                    checker.overlapped();
                }
            }
        };
    }

    private static boolean isMiddle(@Nullable Integer found, int from, int to) {
        boolean cut = isAt(found, -1);
        return (cut || isAt(found, CUT)) && (to > from || cut == isCutIn(from));
    }

    private static boolean isAt(@Nullable Integer found, int cell) {
        return found != null && found == cell;
    }
}
