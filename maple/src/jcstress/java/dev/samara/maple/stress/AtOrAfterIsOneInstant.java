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
 * The rest of a leaf is empty and the answer lies in the next one. Then something is stored in that rest, and only
 * after that the old answer replaced: the new one is at no instant the next. A search that has been in both leaves
 * looks whether the first is still there.
 */
@JCStressTest
@Outcome(
        id = {"9", "7"},
        expect = Expect.ACCEPTABLE,
        desc = "the old answer, or what was stored before it")
@Outcome(expect = Expect.FORBIDDEN, desc = "what was the next at no instant")
@State
public class AtOrAfterIsOneInstant {
    private final Cells cells = new Cells();

    public AtOrAfterIsOneInstant() {
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
        r.r1 = Cells.orNothing(cells.tree.atOrAfter(TwoLeaves.first(7)));
    }
}
