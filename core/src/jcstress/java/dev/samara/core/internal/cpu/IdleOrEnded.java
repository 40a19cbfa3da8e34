// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * I8: a thread that leaves a space returns its CPU to the pool, then reads the reference count; a thread that closes
 * the last reference decrements the count, then searches the pool for idle CPUs. Exactly one of them ends the CPU,
 * which would otherwise keep the space alive.
 */
@JCStressTest
@Outcome(
        id = {"1, 0", "0, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "one of them ends the CPU")
@Outcome(id = "0, 0", expect = Expect.FORBIDDEN, desc = "the CPU keeps the space from its end")
@Outcome(id = "1, 1", expect = Expect.FORBIDDEN, desc = "the CPU is ended twice")
@State
public class IdleOrEnded {
    private final TlbContext users = new TlbContext();
    private final IdleCpus<IdleCpu> pool = new IdleCpus<>(1);
    private final IdleCpu cpu = new IdleCpu();

    private static final class IdleCpu extends IdleCpus.LentCpu {
        IdleCpu() {
            super(new CpuOwner(new Object(), message -> {}));
        }
    }

    public IdleOrEnded() {
        cpu.isNowIn(users);
        pool.add(cpu);
        // For the CPU, which keeps the space in use after the reference is closed.
        users.use();
    }

    @Actor
    public void leaver(II_Result r) {
        pool.putBack(cpu);
        r.r1 = users.references() == 0 && pool.takeBack(cpu) ? 1 : 0;
    }

    @Actor
    public void closer(II_Result r) {
        users.put();
        r.r2 = pool.takeAt(0, users) != null ? 1 : 0;
    }
}
