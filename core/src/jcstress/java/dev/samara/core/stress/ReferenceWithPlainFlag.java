// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** A mutant of {@link ReferenceIsReleasedOnce}: the flag is tested and then set, not atomically. */
@JCStressTest
@Outcome(
        id = {"1, 0", "0, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "by one of the two")
@Outcome(id = "1, 1", expect = Expect.ACCEPTABLE_INTERESTING, desc = "by both")
@Outcome(expect = Expect.FORBIDDEN, desc = "by none")
@State
public class ReferenceWithPlainFlag {
    private boolean released;

    private int release() {
        if (released) {
            return 0;
        }
        released = true;
        return 1;
    }

    @Actor
    public void one(II_Result r) {
        r.r1 = release();
    }

    @Actor
    public void other(II_Result r) {
        r.r2 = release();
    }
}
