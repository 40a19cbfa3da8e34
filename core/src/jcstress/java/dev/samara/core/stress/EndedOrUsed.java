// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.internal.cpu.LoneCpu;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;

/** I3: a LAZY CPU returns to its context while another thread ends the context and then takes it from its LAZY CPUs. */
@JCStressTest
@Outcome(id = "1, 0, 0", expect = Expect.ACCEPTABLE, desc = "back, so it is flushed")
@Outcome(id = "0, 1, 1", expect = Expect.ACCEPTABLE, desc = "ended, and taken off")
@Outcome(expect = Expect.FORBIDDEN, desc = "used after its end, or neither")
@State
public class EndedOrUsed {
    private final LoneCpu cpu = new LoneCpu().enterLazy();

    @Actor
    public void owner(III_Result r) {
        r.r1 = cpu.comeBack();
    }

    @Actor
    public void closer(III_Result r) {
        r.r2 = cpu.end();
        if (r.r2 == 1) {
            r.r3 = cpu.takeOff();
        }
    }
}
