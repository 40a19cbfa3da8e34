// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.internal.cpu.LoneCpu;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** I3: a CPU enters LAZY while its context ends: a thread that finds no user left finds only LAZY CPUs. */
@JCStressTest
@Outcome(id = "0, 0", expect = Expect.ACCEPTABLE, desc = "still a user, so it is flushed")
@Outcome(id = "1, 1", expect = Expect.ACCEPTABLE, desc = "ended, and taken off")
@Outcome(expect = Expect.FORBIDDEN, desc = "ended, and used by a CPU that is not LAZY")
@State
public class LazyBeforeUncounted {
    private final LoneCpu cpu = new LoneCpu();

    @Actor
    public void owner() {
        cpu.enterLazy();
    }

    @Actor
    public void closer(II_Result r) {
        r.r1 = cpu.end();
        if (r.r1 == 1) {
            r.r2 = cpu.takeOff();
        }
    }
}
