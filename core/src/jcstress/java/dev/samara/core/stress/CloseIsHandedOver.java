// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/**
 * P20: the operation clears the retiring bit concurrently with the last release; exactly one of the two ends the open.
 */
@JCStressTest
@Outcome(id = "1", expect = Expect.ACCEPTABLE, desc = "ended once")
@Outcome(expect = Expect.FORBIDDEN, desc = "by neither, or by both")
@State
public class CloseIsHandedOver {
    private final Attached attached = new Attached();

    public CloseIsHandedOver() {
        attached.vma.acquire();
        attached.vma.detach();
    }

    @Actor
    public void holder() {
        attached.vma.release();
    }

    @Actor
    public void operation() {
        attached.vma.clearRetiring();
    }

    @Arbiter
    public void end(I_Result r) {
        r.r1 = attached.open.ends.get();
    }
}
