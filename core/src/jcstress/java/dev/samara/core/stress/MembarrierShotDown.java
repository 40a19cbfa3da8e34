// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.internal.cpu.LoneCpu;
import dev.samara.core.internal.cpu.ShootdownLazy;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * membarrier races with a CPU that moves from LAZY to GUEST: at least one sees the other's store. The teardown takes
 * the context from LAZY CPUs.
 */
@JCStressTest
@Outcome(
        id = {"0, 1", "1, 0", "1, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "at least one sees the other")
@Outcome(id = "0, 0", expect = Expect.FORBIDDEN, desc = "neither sees the other's store")
@State
public class MembarrierShotDown {
    private final LoneCpu cpu = new LoneCpu(new ShootdownLazy()).enterLazy();
    private int guest;
    private int caller;

    @Actor
    public void owner(II_Result r) {
        cpu.goThere();
        cpu.enterGuest();
        guest = 1;
        r.r1 = caller;
        cpu.leaveGuest();
    }

    @Actor
    public void caller(II_Result r) {
        caller = 1;
        cpu.fence();
        r.r2 = guest;
    }
}
