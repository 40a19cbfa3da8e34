// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.Pte;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;

/**
 * I2: a CPU announces that it is in GUEST, then reads the generation, then an entry; a shooter changes the entry,
 * advances the generation, then reads the CPU's state.
 */
@JCStressTest
@Outcome(
        id = {"0, 0, 0", "0, 0, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "catches up")
@Outcome(
        id = {"1, 0, 1", "1, 1, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "uses its old translation or the entry it has found, and is waited for")
@Outcome(expect = Expect.FORBIDDEN, desc = "uses its old translation or the old entry, and no thread waits for it")
@State
public class GuestThenGeneration {
    private final CpuState cpu =
            new CpuState(0, 1, new CpuOwner(this, message -> {}), OwnedCpu.NO_TLB, new ShootdownLazy());
    private final TlbContext context = new TlbContext();
    private final long known = context.generation().current();
    private final long[] leaf = Leaf.make(1);

    public GuestThenGeneration() {
        Leaf.fill(leaf, 0, Pte.present(1, Pte.READ));
    }

    @Actor
    public void owner(III_Result r) {
        cpu.enterGuest(context.id());
        r.r1 = context.generation().current() == known ? 1 : 0;
        r.r2 = Leaf.get(leaf, 0) == Pte.NONE ? 0 : 1;
    }

    @Actor
    public void shooter(III_Result r) {
        Leaf.getAndSet(leaf, 0, Pte.NONE);
        long generation = context.generation().advance();
        r.r3 = cpu.isDone(context.id(), generation) ? 0 : 1;
    }
}
