// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.stress;

import dev.samara.maple.TwoLeaves;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;

/**
 * A store in the middle of an entry shifts all later slots by two. A lookup that reads the pivots of one leaf, but then
 * loads another leaf, searches again. {@code SearchInPivotsAlone} is a mutant of this test.
 */
@JCStressTest
@Outcome(
        id = {"6, 6, 8", "6, 100, 8", "100, 100, 8"},
        expect = Expect.ACCEPTABLE,
        desc = "before or after, and what is behind stays")
@Outcome(expect = Expect.FORBIDDEN, desc = "a slot of one leaf by the pivots of another")
@State
public class ShiftedSlotsAreFound {
    private static final long MIDDLE = TwoLeaves.first(6) + 4;

    private final Cells cells = new Cells();

    @Actor
    public void writer() {
        cells.tree.store(MIDDLE, MIDDLE + 3, 100);
    }

    @Actor
    public void reader(III_Result r) {
        r.r1 = Cells.orNothing(cells.tree.get(MIDDLE));
        r.r2 = Cells.orNothing(cells.tree.get(MIDDLE));
        r.r3 = cells.get(8);
    }
}
