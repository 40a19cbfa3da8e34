// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * A CPU stores bytes while another CPU adds to the words around them: no update is lost, and no byte reverts. An
 * ordered store of a byte may be implemented as a store of the four bytes around it.
 */
@JCStressTest
@Outcome(id = "285212674, 570425346", expect = Expect.ACCEPTABLE, desc = "both bytes and all four updates")
@Outcome(expect = Expect.FORBIDDEN, desc = "a byte or an update is lost")
@State
public class GuestByteBesideAdd {
    private static final GuestCells CELLS = new GuestCells(GuestCells.WIDE);

    private final long cell = CELLS.next();

    public GuestByteBesideAdd() {
        GuestCpu.inGuest().storeLong(cell, 0);
    }

    @Actor
    public void bytes() {
        GuestCpu memory = GuestCpu.inGuest();
        memory.storeByte(cell + 3, (byte) 0x11);
        memory.storeByteRelease(cell + 7, (byte) 0x22);
    }

    @Actor
    public void adds() {
        GuestCpu memory = GuestCpu.inGuest();
        memory.getAndAddInt(cell, 1);
        memory.getAndAddInt(cell + 4, 1);
        memory.getAndAddInt(cell, 1);
        memory.getAndAddInt(cell + 4, 1);
    }

    @Arbiter
    public void end(II_Result r) {
        GuestCpu memory = GuestCpu.inGuest();
        r.r1 = memory.loadInt(cell);
        r.r2 = memory.loadInt(cell + 4);
    }
}
