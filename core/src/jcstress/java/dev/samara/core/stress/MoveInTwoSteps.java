// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.LayoutSnapshot;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** A mutant of {@link MoveIsOneStep}: the move consists of two calls, so a snapshot can fall between them. */
@JCStressTest
@Outcome(
        id = {"1, 0", "0, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "here or there")
@Outcome(id = "1, 1", expect = Expect.ACCEPTABLE_INTERESTING, desc = "in both places")
@Outcome(expect = Expect.FORBIDDEN, desc = "in none")
@State
public class MoveInTwoSteps {
    private final FewPages pages = new FewPages();

    public MoveInTwoSteps() {
        pages.map(0, 1);
    }

    @Actor
    public void writer() {
        pages.map(9, 1);
        pages.unmap(0, 1);
    }

    @Actor
    public void reader(II_Result r) {
        LayoutSnapshot now = pages.space.snapshot();
        r.r1 = FewPages.mapped(now, 0);
        r.r2 = FewPages.mapped(now, 9);
    }

    @Arbiter
    public void end() {
        pages.end();
    }
}
