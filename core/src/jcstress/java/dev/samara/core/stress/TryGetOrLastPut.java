// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * A holder of the page table tries to become a user concurrently with the last put: it gets the space with its
 * mappings, or is refused.
 */
@JCStressTest
@Outcome(id = "1, 1", expect = Expect.ACCEPTABLE, desc = "a user, with the mapping")
@Outcome(id = "0, 0", expect = Expect.ACCEPTABLE, desc = "refused, and torn down")
@Outcome(expect = Expect.FORBIDDEN, desc = "a reference without what it keeps, or a count of nobody")
@State
public class TryGetOrLastPut {
    private final EndingSpace space = new EndingSpace();

    @Actor
    public void taker(II_Result r) {
        r.r1 = space.tryGet();
    }

    @Actor
    public void owner() {
        space.end();
    }

    @Arbiter
    public void end(II_Result r) {
        r.r2 = space.left();
    }
}
