// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.IIII_Result;

/**
 * A number is stored, then a flag, in guest memory. A CPU that finds the flag by an acquire load finds the number,
 * also if it has read the number before. An opaque load of the flag promises nothing for other words.
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
        // Read before: the compiler may take the first number for the second one unless the form forbids it.
        int early = memory.loadInt(cell);
        r.r1 = memory.loadIntAcquire(cell + 64);
        r.r2 = memory.loadInt(cell) | early;
        early = memory.loadInt(cell + 4);
        r.r3 = memory.loadIntOpaque(cell + 68);
        r.r4 = memory.loadInt(cell + 4) | early;
    }
}
