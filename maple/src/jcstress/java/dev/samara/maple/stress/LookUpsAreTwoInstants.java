// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.stress;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * {@link StoresAreSeenInOrder} in reverse: the cell that is stored first is also looked up first. Two lookups happen at
 * two instants, but a snapshot at one.
 */
@JCStressTest
@Outcome(
        id = {"8, 10", "1, 10", "1, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "as if of one instant")
@Outcome(id = "8, 1", expect = Expect.ACCEPTABLE_INTERESTING, desc = "both stores came between the lookups")
@Outcome(expect = Expect.FORBIDDEN, desc = "what was never stored")
@State
public class LookUpsAreTwoInstants {
    private final Cells cells = new Cells();

    @Actor
    public void writer() {
        cells.cells.store(8, 1);
        cells.cells.store(10, 1);
    }

    @Actor
    public void reader(II_Result r) {
        r.r1 = cells.get(8);
        r.r2 = cells.get(10);
    }
}
