// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.IIII_Result;

/**
 * A number is stored, then a flag, in guest memory. A CPU that sees the flag with an acquire load also sees the number,
 * even if it read the number before. An opaque load of the flag guarantees nothing about other words.
 */
@JCStressTest
@Outcome(id = "1, 0, .*", expect = Expect.FORBIDDEN, desc = "the flag without the number")
@Outcome(id = "(0, .|1, 1), 1, 0", expect = Expect.ACCEPTABLE_INTERESTING, desc = "opaque: out of order")
@Outcome(expect = Expect.ACCEPTABLE, desc = "in order")
@State
public class GuestMessagePassing {
    private static final GuestCells CELLS = new GuestCells(GuestCells.WIDE);

    private final long cell = CELLS.next();

    public GuestMessagePassing() {
        GuestCpu memory = GuestCpu.inGuest();
        memory.storeLong(cell, 0);
        memory.storeLong(cell + 64, 0);
    }

    @Actor
    public void writer() {
        GuestCpu memory = GuestCpu.inGuest();
        memory.storeInt(cell, 1);
        memory.storeIntRelease(cell + 64, 1);
        memory.storeInt(cell + 4, 1);
        memory.storeIntOpaque(cell + 68, 1);
    }

    @Actor
    public void reader(IIII_Result r) {
        GuestCpu memory = GuestCpu.inGuest();
        // The early load lets the compiler reuse its value for the later load, unless the access mode of the flag
        // forbids that.
        int early = memory.loadInt(cell);
        r.r1 = memory.loadIntAcquire(cell + 64);
        r.r2 = memory.loadInt(cell) | early;
        early = memory.loadInt(cell + 4);
        r.r3 = memory.loadIntOpaque(cell + 68);
        r.r4 = memory.loadInt(cell + 4) | early;
    }
}
