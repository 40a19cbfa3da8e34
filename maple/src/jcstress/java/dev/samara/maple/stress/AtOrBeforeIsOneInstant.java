// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.stress;

import dev.samara.maple.TwoLeaves;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/** {@link AtOrAfterIsOneInstant} downwards, where the start of the upper leaf is empty. */
@JCStressTest
@Outcome(
        id = {"8", "9"},
        expect = Expect.ACCEPTABLE,
        desc = "the old answer, or what was stored behind it")
@Outcome(expect = Expect.FORBIDDEN, desc = "what was the next at no instant")
@State
public class AtOrBeforeIsOneInstant {
    private final Cells cells = new Cells();

    @Actor
    public void writer() {
        cells.cells.store(9, 9);
        cells.cells.store(8, 100);
    }

    @Actor
    public void reader(I_Result r) {
        r.r1 = Cells.orNothing(cells.tree.atOrBefore(TwoLeaves.first(9)));
    }
}
