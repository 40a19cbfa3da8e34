// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/** A mutant of {@link PointerOrReference}: the last put does not reread the pointer after the hand-over. */
@JCStressTest
@Outcome(id = "0", expect = Expect.ACCEPTABLE, desc = "the last reference is gone")
@Outcome(id = "1", expect = Expect.ACCEPTABLE_INTERESTING, desc = "a reference is left to a CPU that does not need it")
@State
public class PointerReadOnce {
    private final AtomicInteger kept = new AtomicInteger(1);
    private final AtomicInteger given = new AtomicInteger();
    private final AtomicInteger references = new AtomicInteger(1);

    @Actor
    public void owner() {
        kept.set(0);
        if (given.get() != 0 && given.getAndSet(0) != 0) {
            references.getAndDecrement();
        }
    }

    @Actor
    public void closer() {
        if (kept.get() != 0) {
            references.getAndIncrement();
            given.set(1);
        }
        references.getAndDecrement();
    }

    @Arbiter
    public void end(I_Result r) {
        r.r1 = references.get();
    }
}
