// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.stress;

import dev.samara.maple.Snapshot;
import dev.samara.maple.TwoLeaves;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;

/** Like {@link ShiftedSlotsAreFound}, in a tree so high that the leaves store their pivots as lanes. */
@JCStressTest
@Outcome(
        id = {"6, 6, 8", "6, 100, 8", "100, 100, 8"},
        expect = Expect.ACCEPTABLE,
        desc = "before or after, and what is behind stays")
@Outcome(expect = Expect.FORBIDDEN, desc = "a slot of one leaf by the lanes of another")
@State
public class ShiftedLanesAreFound {
    private static final Snapshot<Integer> ABOVE = TwoLeaves.above(Cells.NOTHING);
    private static final long MIDDLE = TwoLeaves.first(6) + 4;

    private final TwoLeaves<Integer> cells = TwoLeaves.high(cell -> cell, ABOVE);

    @Actor
    public void writer() {
        cells.tree.store(MIDDLE, MIDDLE + 3, 100);
    }

    @Actor
    public void reader(III_Result r) {
        r.r1 = Cells.orNothing(cells.tree.get(MIDDLE));
        r.r2 = Cells.orNothing(cells.tree.get(MIDDLE));
        r.r3 = Cells.value(cells.tree, 8);
    }
}
