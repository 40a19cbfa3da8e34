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
 * A thread grabs the identity concurrently with the put that ends the space: the identity stays, or the thread is
 * refused.
 */
@JCStressTest
@Outcome(id = "1, 0", expect = Expect.ACCEPTABLE, desc = "grabbed, with the attached object")
@Outcome(id = "0, 0", expect = Expect.ACCEPTABLE, desc = "refused")
@Outcome(expect = Expect.FORBIDDEN, desc = "a reference without what it keeps, or a count of nobody")
@State
public class GrabbedOrDropped {
    private final EndingSpace space = new EndingSpace().alone();

    @Actor
    public void taker(II_Result r) {
        r.r1 = space.grab();
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
