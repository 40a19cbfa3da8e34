// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.WaitReporter;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/** A thread waits at a gate while another thread opens it. A lost wakeup would make the test hang. */
@JCStressTest
@Outcome(id = "1", expect = Expect.ACCEPTABLE, desc = "woken, or let through, and sees the earlier store")
@Outcome(expect = Expect.FORBIDDEN, desc = "passed before it was open")
@State
public class GateLosesNobody {
    static final WaitReporter PATIENT = new WaitReporter() {
        @Override
        public long reportAfterNanos() {
            return Long.MAX_VALUE;
        }

        @Override
        public void waitsLong(Object blocker, Thread waiter, long nanos) {}
    };

    private final Gate gate = new Gate();
    private int written;

    @Actor
    public void opener() {
        written = 1;
        Gate.wake(gate.open());
    }

    @Actor
    public void waiter(I_Result r) {
        gate.awaitUninterruptibly(PATIENT);
        r.r1 = written;
    }
}
