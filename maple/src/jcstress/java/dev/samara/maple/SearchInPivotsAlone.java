// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/**
 * A mutant of {@code ShiftedSlotsAreFound}: it searches the pivots that the parent records for a leaf, without
 * comparing them with those of the leaf that it then loads. It is in this package because it accesses the nodes.
 */
@JCStressTest
@Outcome(
        id = {"6", "100"},
        expect = Expect.ACCEPTABLE,
        desc = "before or after")
@Outcome(expect = Expect.ACCEPTABLE_INTERESTING, desc = "a slot of one leaf by the pivots of another")
@State
public class SearchInPivotsAlone {
    private static final long MIDDLE = TwoLeaves.first(6) + 4;
    private static final int NOTHING = -1;

    private final TwoLeaves<Integer> cells = new TwoLeaves<>(cell -> cell);

    private static int search(long[] halves, long half) {
        int i = 0;
        while (halves[i] < half) {
            i++;
        }
        return i;
    }

    @Actor
    public void writer() {
        cells.tree.store(MIDDLE, MIDDLE + 3, 100);
    }

    @Actor
    public void reader(I_Result r) {
        long half = MIDDLE >>> 1;
        Node root = cells.tree.rootAcquire();
        int child = search(root.halves, half);
        long[] halves = root.childPivots[child];
        Object[] leaf = root.leaf(child);
        r.r1 = leaf[search(halves, half) + 1] instanceof Integer value ? value : NOTHING;
    }
}
