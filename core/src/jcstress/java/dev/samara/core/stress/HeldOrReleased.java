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
 * A thread holds the page table concurrently with the put that ends the space: the table stays, or the thread is
 * refused.
 */
@JCStressTest
@Outcome(id = "1, 0", expect = Expect.ACCEPTABLE, desc = "held, with the topmost table")
@Outcome(id = "0, 0", expect = Expect.ACCEPTABLE, desc = "refused")
@Outcome(expect = Expect.FORBIDDEN, desc = "a reference without what it keeps, or a count of nobody")
@State
public class HeldOrReleased {
    private final EndingSpace space = new EndingSpace().alone();

    @Actor
    public void taker(II_Result r) {
        r.r1 = space.hold();
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
