// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.IIII_Result;

/**
 * A CPU reads one word of guest memory twice while another CPU stores to it. Opaque loads observe the store in order.
 * Plain loads may be merged or reordered.
 */
@JCStressTest
@Outcome(id = "1, 0, .*", expect = Expect.FORBIDDEN, desc = "opaque: the old number after the new one")
@Outcome(id = "(0, .|1, 1), 1, 0", expect = Expect.ACCEPTABLE_INTERESTING, desc = "plain: out of order")
@Outcome(expect = Expect.ACCEPTABLE, desc = "in order")
@State
public class GuestReadsOfOneWord {
    private static final GuestCells CELLS = new GuestCells(GuestCells.WIDE);

    private final long cell = CELLS.next();

    public GuestReadsOfOneWord() {
        GuestCpu memory = GuestCpu.inGuest();
        memory.storeInt(cell, 0);
        memory.storeInt(cell + 64, 0);
    }

    @Actor
    public void writer() {
        GuestCpu memory = GuestCpu.inGuest();
        memory.storeIntOpaque(cell, 1);
        memory.storeInt(cell + 64, 1);
    }

    @Actor
    public void reader(IIII_Result r) {
        GuestCpu memory = GuestCpu.inGuest();
        r.r1 = memory.loadIntOpaque(cell);
        r.r2 = memory.loadIntOpaque(cell);
        r.r3 = memory.loadInt(cell + 64);
        r.r4 = memory.loadInt(cell + 64);
    }
}
