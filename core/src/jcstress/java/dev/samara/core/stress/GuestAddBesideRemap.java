// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.AddressSpace;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;

/**
 * Two CPUs add to words while the pages are remapped, or copied on write after a fork: no update is lost. The child
 * reads the value as of the fork.
 */
@JCStressTest
@Outcome(id = "4, 5, [0-4]", expect = Expect.ACCEPTABLE, desc = "all updates")
@Outcome(expect = Expect.FORBIDDEN, desc = "an update is lost")
@State
public class GuestAddBesideRemap {
    private static final int SIZE = 8;
    private static final GuestCells OF_FILE = GuestCells.ofFile(SIZE);
    private static final GuestCells PRIVATE = new GuestCells(SIZE);

    private final long ofFile = OF_FILE.next();
    private final long ofSpace = PRIVATE.next();

    public GuestAddBesideRemap() {
        GuestCpu memory = GuestCpu.ofThread();
        memory.storeLong(ofFile, 0);
        memory.storeLong(ofSpace, 0);
    }

    @Actor
    public void adds() {
        GuestCpu memory = GuestCpu.ofThread();
        memory.cpu.enterGuest();
        for (int i = 0; i < 4; i++) {
            memory.getAndAddInt(ofFile, 1);
            memory.getAndAddLong(ofSpace, 1);
            memory.poll();
        }
        memory.cpu.leaveGuest();
    }

    @Actor
    public void changes(III_Result r) {
        OF_FILE.mapAgain(ofFile);
        byte[] number = new byte[SIZE];
        try (AddressSpace child = GuestCells.SPACE.fork()) {
            // Copies the page, unless the other CPU copied it first.
            GuestCpu.ofThread().getAndAddLong(ofSpace, 1);
            child.read(ofSpace, number, 0, SIZE);
        }
        r.r3 = number[0];
    }

    @Arbiter
    public void end(III_Result r) {
        GuestCpu memory = GuestCpu.ofThread();
        r.r1 = memory.loadInt(ofFile);
        r.r2 = (int) memory.loadLong(ofSpace);
    }
}
