// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * I3: a CPU's accesses in GUEST happen before its acknowledgement, and before its exit from GUEST; so all of them are
 * complete when a frame is freed.
 */
@JCStressTest
@Outcome(
        id = {"0, 0", "0, 1", "1, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "not done, or done and all stores are there")
@Outcome(expect = Expect.FORBIDDEN, desc = "done, and a store comes later")
@State
public class DoneAfterTheLastAccess {
    private static final long CONTEXT = 7;

    private final CpuState acknowledging =
            new CpuState(0, 1, new CpuOwner(this, message -> {}), OwnedCpu.NO_TLB, new ShootdownLazy());
    private final CpuState leaving =
            new CpuState(1, 1, new CpuOwner(this, message -> {}), OwnedCpu.NO_TLB, new ShootdownLazy());
    private int written;

    public DoneAfterTheLastAccess() {
        acknowledging.enterGuest(CONTEXT);
        leaving.enterGuest(CONTEXT);
    }

    @Actor
    public void owner() {
        written = 1;
        acknowledging.flushedTo(2);
        written = 2;
        leaving.leaveGuest(CONTEXT);
    }

    @Actor
    public void shooter(II_Result r) {
        if (leaving.isDone(CONTEXT, 2)) {
            r.r1 = 1;
            r.r2 = written == 2 ? 1 : 0;
        } else {
            r.r1 = acknowledging.isDone(CONTEXT, 2) ? 1 : 0;
            r.r2 = written == 0 ? 0 : 1;
        }
    }
}
