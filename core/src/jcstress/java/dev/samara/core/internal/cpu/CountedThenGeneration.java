// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * I2: a CPU that arrives in a space counts itself, then reads the generation; the only CPU in the space advances the
 * generation, then reads the count. At least one of the two sees the other's update.
 */
@JCStressTest
@Outcome(
        id = {"0, 0", "0, 1", "1, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "flushes, or is asked")
@Outcome(id = "1, 0", expect = Expect.FORBIDDEN, desc = "uses its old translation, and is not asked")
@State
public class CountedThenGeneration {
    private final CpuState cpu =
            new CpuState(0, 1, new CpuOwner(this, message -> {}), OwnedCpu.NO_TLB, new ShootdownLazy());
    private final TlbContext context = new TlbContext();
    private final long known = context.generation().current();

    public CountedThenGeneration() {
        // The shooter's CPU.
        context.use();
    }

    @Actor
    public void owner(II_Result r) {
        cpu.depart();
        context.use();
        cpu.arrive(context);
        cpu.enterGuest(context.id());
        r.r1 = context.generation().current() == known ? 1 : 0;
    }

    @Actor
    public void shooter(II_Result r) {
        long generation = context.generation().advance();
        r.r2 = context.cpus() > 1 && !cpu.isDone(context.id(), generation) ? 1 : 0;
    }
}
