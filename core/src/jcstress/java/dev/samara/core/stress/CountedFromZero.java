// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * A mutant of {@link TryGetOrLastPut}, {@link HeldOrReleased} and {@link GrabbedOrDropped}: the thread checks that a
 * reference exists, and then counts its own in a separate step.
 */
@JCStressTest
@Outcome(
        id = {"1, 0", "0, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "counted, or ended")
@Outcome(id = "1, 1", expect = Expect.ACCEPTABLE_INTERESTING, desc = "a reference to what has ended")
@State
public class CountedFromZero {
    private final AtomicInteger count = new AtomicInteger(1);

    @Actor
    public void taker(II_Result r) {
        if (count.get() != 0) {
            count.getAndIncrement();
            r.r1 = 1;
        }
    }

    @Actor
    public void owner(II_Result r) {
        r.r2 = count.decrementAndGet() == 0 ? 1 : 0;
    }
}
