// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.IIII_Result;

/**
 * Two CPUs store to a word of guest memory and load the other CPU's word. If the accesses are volatile, at least one
 * CPU sees the other's store. Release and acquire do not guarantee this.
 */
@JCStressTest
@Outcome(id = "0, 0, .*", expect = Expect.FORBIDDEN, desc = "volatile: both stores are late")
@Outcome(id = "(0, 1|1, .), 0, 0", expect = Expect.ACCEPTABLE_INTERESTING, desc = "release: both are late")
@Outcome(expect = Expect.ACCEPTABLE, desc = "in order")
@State
public class GuestStoreBuffering {
    private static final GuestCells CELLS = new GuestCells(GuestCells.WIDE);

    private final long cell = CELLS.next();

    public GuestStoreBuffering() {
        GuestCpu memory = GuestCpu.inGuest();
        memory.storeLong(cell, 0);
        memory.storeLong(cell + 64, 0);
    }

    @Actor
    public void one(IIII_Result r) {
        GuestCpu memory = GuestCpu.inGuest();
        memory.storeIntRelease(cell, 1);
        r.r3 = memory.loadIntAcquire(cell + 64);
        memory.storeIntVolatile(cell + 4, 1);
        r.r1 = memory.loadIntVolatile(cell + 68);
    }

    @Actor
    public void other(IIII_Result r) {
        GuestCpu memory = GuestCpu.inGuest();
        memory.storeIntRelease(cell + 64, 1);
        r.r4 = memory.loadIntAcquire(cell);
        memory.storeIntVolatile(cell + 68, 1);
        r.r2 = memory.loadIntVolatile(cell + 4);
    }
}
