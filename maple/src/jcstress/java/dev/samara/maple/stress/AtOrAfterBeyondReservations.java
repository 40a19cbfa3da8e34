// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.stress;

import dev.samara.maple.ThreeLeaves;
import dev.samara.maple.TwoLeaves;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/**
 * {@link AtOrAfterIsOneInstant} with a leaf without entries between the two leaves. A search that finds no entry in
 * that leaf is repeated in a frozen version of the tree.
 */
@JCStressTest
@Outcome(
        id = {"27", "12"},
        expect = Expect.ACCEPTABLE,
        desc = "the old answer, or what was stored before it")
@Outcome(expect = Expect.FORBIDDEN, desc = "what was the next at no instant")
@State
public class AtOrAfterBeyondReservations {
    private final ThreeLeaves<Integer> cells = new ThreeLeaves<>(cell -> cell);

    @Actor
    public void writer() {
        cells.store(ThreeLeaves.LOWER_END, ThreeLeaves.LOWER_END);
        cells.store(ThreeLeaves.UPPER_START + 1, 100);
    }

    @Actor
    public void reader(I_Result r) {
        r.r1 = Cells.orNothing(cells.tree.atOrAfter(TwoLeaves.first(ThreeLeaves.LOWER_END)));
    }
}
