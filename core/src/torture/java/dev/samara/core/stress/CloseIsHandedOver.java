// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.internal.vma.Life;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/** P20: the operation ends its hold beside the last release; one of the two ends the open. */
@JCStressTest
@Outcome(id = "1", expect = Expect.ACCEPTABLE, desc = "ended once")
@Outcome(expect = Expect.FORBIDDEN, desc = "by nobody, or by both")
@State
public class CloseIsHandedOver {
    private final Attached object = new Attached();

    public CloseIsHandedOver() {
        Life.keep(object);
        Life.detach(object);
    }

    @Actor
    public void keeper() {
        Life.release(object);
    }

    @Actor
    public void operation() {
        Life.unhold(object);
    }

    @Arbiter
    public void end(I_Result r) {
        r.r1 = object.open.ends.get();
    }
}
