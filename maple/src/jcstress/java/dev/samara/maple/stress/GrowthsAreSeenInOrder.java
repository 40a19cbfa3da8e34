// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.stress;

import dev.samara.maple.TwoLeaves;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;

/** Boundaries of two leaves move in place, one after the other, after a plain store. */
@JCStressTest
@Outcome(
        id = {"-1, -1, 0", "-1, -1, 1", "-1, 6, 1", "10, 6, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "the later one is not seen without the earlier one")
@Outcome(expect = Expect.FORBIDDEN, desc = "out of order")
@State
public class GrowthsAreSeenInOrder {
    private final Cells cells = new Cells();
    private int before;

    public GrowthsAreSeenInOrder() {
        grow(6, 3);
        grow(10, 3);
    }

    private void grow(int cell, int end) {
        cells.tree.store(TwoLeaves.first(cell), TwoLeaves.first(cell + 1) + end, cell);
    }

    @Actor
    public void writer() {
        before = 1;
        grow(6, 7);
        grow(10, 7);
    }

    @Actor
    public void reader(III_Result r) {
        r.r1 = Cells.orNothing(cells.tree.get(TwoLeaves.first(11) + 4));
        r.r2 = Cells.orNothing(cells.tree.get(TwoLeaves.first(7) + 4));
        r.r3 = before;
    }
}
