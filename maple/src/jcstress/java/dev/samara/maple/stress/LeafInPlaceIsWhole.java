// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.stress;

import dev.samara.maple.TwoLeaves;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.JJ_Result;

/**
 * {@link FoundValueIsWhole} where the root stays and a leaf is replaced in place: the release store of its slot pairs
 * with the reader's acquire load. {@code LeafPutPlainly} is a mutant of this test.
 */
@JCStressTest
@Outcome(id = "-1, -1", expect = Expect.ACCEPTABLE, desc = "not there yet")
@Outcome(id = "112, 128", expect = Expect.ACCEPTABLE, desc = "whole")
@Outcome(expect = Expect.FORBIDDEN, desc = "found before its fields")
@State
public class LeafInPlaceIsWhole {
    private static final int CELL = 7;

    private final TwoLeaves<Area> cells = new TwoLeaves<>(cell -> new Area());

    @Actor
    public void writer() {
        cells.store(CELL, new Area(TwoLeaves.first(CELL), TwoLeaves.first(CELL + 1)));
    }

    @Actor
    public void reader(JJ_Result r) {
        Area found = cells.get(CELL);
        r.r1 = found == null ? -1 : found.start;
        r.r2 = found == null ? -1 : found.end;
    }
}
