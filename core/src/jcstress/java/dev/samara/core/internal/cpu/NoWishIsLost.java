// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * I9: a CPU clears its pending request, then reads the generation; a shooter advances the generation, then sets the
 * request. So a CPU that missed the new generation still finds the request at its next poll.
 */
@JCStressTest
@Outcome(
        id = {"1, 0", "1, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "caught up")
@Outcome(id = "0, 1", expect = Expect.ACCEPTABLE, desc = "the next poll catches up")
@Outcome(expect = Expect.FORBIDDEN, desc = "behind, and nobody will tell it")
@State
public class NoWishIsLost {
    private final CpuState cpu =
            new CpuState(0, 1, new CpuOwner(this, message -> {}), OwnedCpu.NO_TLB, new ShootdownLazy());
    private final TlbContext context = new TlbContext();
    private final long known = context.generation().current();

    public NoWishIsLost() {
        cpu.request();
    }

    @Actor
    public void owner(II_Result r) {
        cpu.clearPending();
        r.r1 = context.generation().current() == known ? 0 : 1;
    }

    @Actor
    public void shooter() {
        context.generation().advance();
        cpu.request();
    }

    @Arbiter
    public void end(II_Result r) {
        r.r2 = cpu.isPending() ? 1 : 0;
    }
}
