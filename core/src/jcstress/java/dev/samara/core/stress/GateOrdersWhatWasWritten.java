// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.internal.sync.Gate;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** A thread that finds a gate open sees the stores made before the gate was opened. */
@JCStressTest
@Outcome(
        id = {"0, 0", "0, 1", "1, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "ordered")
@Outcome(id = "1, 0", expect = Expect.FORBIDDEN, desc = "open, and the earlier store is not there")
@State
public class GateOrdersWhatWasWritten {
    private final Gate gate = new Gate();
    private int written;

    @Actor
    public void opener() {
        written = 1;
        Gate.wake(gate.open());
    }

    @Actor
    public void passer(II_Result r) {
        r.r1 = gate.isOpen() ? 1 : 0;
        r.r2 = written;
    }
}
