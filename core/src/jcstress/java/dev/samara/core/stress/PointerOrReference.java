// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.internal.cpu.HazardLazy;
import dev.samara.core.internal.cpu.LoneCpu;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/**
 * A CPU drops its hazard pointer while the last put hands over a reference: no reference leaks, and none is released
 * twice.
 */
@JCStressTest
@Outcome(id = "0", expect = Expect.ACCEPTABLE, desc = "the last reference is gone")
@Outcome(expect = Expect.FORBIDDEN, desc = "a reference is left, or was given up twice")
@State
public class PointerOrReference {
    private final LoneCpu cpu = new LoneCpu(new HazardLazy()).enterLazy();

    @Actor
    public void owner() {
        cpu.leave();
    }

    @Actor
    public void closer() {
        cpu.end();
        cpu.takeOff();
        cpu.endTeardown();
    }

    @Arbiter
    public void end(I_Result r) {
        r.r1 = cpu.held();
    }
}
