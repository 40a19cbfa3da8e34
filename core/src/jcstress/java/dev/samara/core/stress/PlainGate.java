// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** A mutant of {@link GateOrdersWhatWasWritten}: a flag that is accessed in plain mode. */
@JCStressTest
@Outcome(
        id = {"0, 0", "0, 1", "1, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "ordered")
@Outcome(id = "1, 0", expect = Expect.ACCEPTABLE_INTERESTING, desc = "open, and the earlier store is not there")
@State
public class PlainGate {
    private boolean open;
    private int written;

    @Actor
    public void opener() {
        written = 1;
        open = true;
    }

    @Actor
    public void passer(II_Result r) {
        r.r1 = open ? 1 : 0;
        r.r2 = written;
    }
}
