// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;

/**
 * An acquire concurrent with a detach holds the open, or is refused. The last of the two ends the open, exactly once.
 */
@JCStressTest
@Outcome(
        id = {"1, 0, 1", "0, 0, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "open until released, or refused")
@Outcome(expect = Expect.FORBIDDEN, desc = "ended while it was referenced, or not once")
@State
public class ReferencedStaysOpen {
    private final Attached attached = new Attached();

    @Actor
    public void holder(III_Result r) {
        if (attached.vma.acquire()) {
            r.r1 = 1;
            r.r2 = attached.open.ends.get();
            attached.vma.release();
        }
    }

    @Actor
    public void detacher() {
        attached.vma.detach();
        attached.vma.clearRetiring();
    }

    @Arbiter
    public void end(III_Result r) {
        r.r3 = attached.open.ends.get();
    }
}
