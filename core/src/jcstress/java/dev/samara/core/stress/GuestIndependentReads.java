// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.IIII_Result;

/**
 * Two CPUs store to different words of guest memory, and each reads both: they agree on the order of the stores if all
 * accesses are volatile (IRIW, with a writer and a reader on each CPU).
 */
@JCStressTest
@Outcome(id = "1, 0, 1, 0", expect = Expect.FORBIDDEN, desc = "each CPU finds its own store to be the first")
@Outcome(expect = Expect.ACCEPTABLE, desc = "one order")
@State
public class GuestIndependentReads {
    private static final GuestCells CELLS = new GuestCells(GuestCells.WIDE);

    private final long cell = CELLS.next();

    public GuestIndependentReads() {
        GuestCpu memory = GuestCpu.inGuest();
        memory.storeInt(cell, 0);
        memory.storeInt(cell + 64, 0);
    }

    @Actor
    public void one(IIII_Result r) {
        GuestCpu memory = GuestCpu.inGuest();
        memory.storeIntVolatile(cell, 1);
        r.r1 = memory.loadIntVolatile(cell);
        r.r2 = memory.loadIntVolatile(cell + 64);
    }

    @Actor
    public void other(IIII_Result r) {
        GuestCpu memory = GuestCpu.inGuest();
        memory.storeIntVolatile(cell + 64, 1);
        r.r3 = memory.loadIntVolatile(cell + 64);
        r.r4 = memory.loadIntVolatile(cell);
    }
}
