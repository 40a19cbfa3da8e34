// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.stress;

import dev.samara.maple.TwoLeaves;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/**
 * {@link AtOrAfterIsOneInstant} with a cursor, which does not validate the first leaf: the entry that it reports was in
 * the tree, but need not have been the nearest one.
 */
@JCStressTest
@Outcome(
        id = {"9", "7"},
        expect = Expect.ACCEPTABLE,
        desc = "the old answer, or what was stored before it")
@Outcome(id = "100", expect = Expect.ACCEPTABLE_INTERESTING, desc = "what was the next at no instant")
@Outcome(expect = Expect.FORBIDDEN, desc = "missed what was always there")
@State
public class FindIsTwoInstants {
    private final Cells cells = new Cells();

    public FindIsTwoInstants() {
        cells.cells.store(9, 9);
        cells.cells.erase(8);
    }

    @Actor
    public void writer() {
        cells.cells.store(7, 7);
        cells.cells.store(9, 100);
    }

    @Actor
    public void reader(I_Result r) {
        r.r1 = Cells.orNothing(cells.tree.cursor().find(TwoLeaves.first(7)));
    }
}
