// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.internal.cpu.LoneCpu;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;

/**
 * A LAZY CPU returns to its context concurrently with the put of the only reference: it is back and counted, or the
 * context was taken from it.
 */
@JCStressTest
@Outcome(id = "1, 0, 1", expect = Expect.ACCEPTABLE, desc = "back, and a user")
@Outcome(id = "0, 1, 0", expect = Expect.ACCEPTABLE, desc = "taken off, and none")
@Outcome(expect = Expect.FORBIDDEN, desc = "both or neither, or counted wrongly")
@State
public class TakenOffOrBack {
    private final LoneCpu cpu = new LoneCpu().enterLazy();

    @Actor
    public void owner(III_Result r) {
        r.r1 = cpu.comeBack();
    }

    @Actor
    public void taker(III_Result r) {
        r.r2 = cpu.end() == 1 ? cpu.takeOff() : 0;
    }

    @Arbiter
    public void end(III_Result r) {
        r.r3 = cpu.cpus();
    }
}
