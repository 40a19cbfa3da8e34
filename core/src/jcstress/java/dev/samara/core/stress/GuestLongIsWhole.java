// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.JJ_Result;

/** An aligned long of guest memory never tears. A long that crosses a cache line may tear. */
@JCStressTest
@Outcome(id = "(0|-1), (0|-1)", expect = Expect.ACCEPTABLE, desc = "whole")
@Outcome(
        id = "(0|-1), -?[1-9][0-9]+",
        expect = Expect.ACCEPTABLE_INTERESTING,
        desc = "the long that is not aligned is torn")
@Outcome(expect = Expect.FORBIDDEN, desc = "the aligned long is torn")
@State
public class GuestLongIsWhole {
    private static final GuestCells CELLS = new GuestCells(GuestCells.WIDE);

    private final long cell = CELLS.next();

    public GuestLongIsWhole() {
        GuestCpu memory = GuestCpu.inGuest();
        memory.storeLong(cell, 0);
        memory.storeLong(cell + 60, 0);
    }

    @Actor
    public void writer() {
        GuestCpu memory = GuestCpu.inGuest();
        memory.storeLong(cell, -1);
        memory.storeLong(cell + 60, -1);
    }

    @Actor
    public void reader(JJ_Result r) {
        GuestCpu memory = GuestCpu.inGuest();
        r.r1 = memory.loadLong(cell);
        r.r2 = memory.loadLong(cell + 60);
    }
}
