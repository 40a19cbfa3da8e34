// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.stress;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * A reader that sees the later of two stores also sees the earlier one, although each store replaces a different leaf
 * in place.
 */
@JCStressTest
@Outcome(
        id = {"10, 8", "10, 1", "1, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "in order")
@Outcome(expect = Expect.FORBIDDEN, desc = "the later without the earlier")
@State
public class StoresAreSeenInOrder {
    private final Cells cells = new Cells();

    @Actor
    public void writer() {
        cells.cells.store(8, 1);
        cells.cells.store(10, 1);
    }

    @Actor
    public void reader(II_Result r) {
        r.r1 = cells.get(10);
        r.r2 = cells.get(8);
    }
}
