// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** A mutant of {@link CountedThenGeneration}: the shooter reads the count before it advances the generation. */
@JCStressTest
@Outcome(
        id = {"0, 0", "0, 1", "1, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "flushes, or is asked")
@Outcome(id = "1, 0", expect = Expect.ACCEPTABLE_INTERESTING, desc = "uses its old translation, and is not asked")
@State
public class AloneBeforeGeneration {
    private final CpuState cpu =
            new CpuState(0, 1, new CpuOwner(this, message -> {}), OwnedCpu.NO_TLB, new ShootdownLazy());
    private final TlbContext context = new TlbContext();
    private final long known = context.generation().current();

    public AloneBeforeGeneration() {
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
        boolean isAlone = context.cpus() <= 1;
        long generation = context.generation().advance();
        r.r2 = !isAlone && !cpu.isDone(context.id(), generation) ? 1 : 0;
    }
}
