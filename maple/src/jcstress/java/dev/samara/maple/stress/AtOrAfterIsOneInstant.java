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
 * The end of a leaf is empty, and the result is in the next leaf. The writer first stores an entry in that empty end,
 * and then replaces the old result. At no instant is the replacement the nearest entry. A search that visited both
 * leaves validates that the first one is still in its slot.
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
