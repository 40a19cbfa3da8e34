// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** A mutant of {@link LazyBeforeUncounted}: the CPU uncounts itself before it announces that it is LAZY. */
@JCStressTest
@Outcome(
        id = {"0, 0", "1, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "still a user, or LAZY")
@Outcome(id = "1, 0", expect = Expect.ACCEPTABLE_INTERESTING, desc = "ended, and used by a CPU that is not LAZY")
@State
public class UncountedBeforeLazy {
    private final AtomicInteger users = new AtomicInteger(1);
    private final AtomicInteger lazy = new AtomicInteger();

    @Actor
    public void owner() {
        users.getAndDecrement();
        lazy.setRelease(1);
    }

    @Actor
    public void closer(II_Result r) {
        if (users.compareAndSet(0, -1)) {
            r.r1 = 1;
            r.r2 = lazy.get();
        }
    }
}
