// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;

/** A mutant of {@link ReferencedStaysOpen}: the word is updated without an atomic read-modify-write. */
@JCStressTest
@Outcome(
        id = {"1, 0, 1", "0, 0, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "as it should be")
@Outcome(expect = Expect.ACCEPTABLE_INTERESTING, desc = "ended while it was referenced, or not once")
@State
public class ReferencesInPlainWord {
    private static final int DETACHED = 1 << 31;
    private static final int RETIRING = 1 << 30;

    private int word;
    private final AtomicInteger ends = new AtomicInteger();

    @Actor
    public void holder(III_Result r) {
        if (word >= 0) {
            word = word + 1;
            r.r1 = 1;
            r.r2 = ends.get();
            word = word - 1;
            if (word == DETACHED) {
                ends.incrementAndGet();
            }
        }
    }

    @Actor
    public void detacher() {
        word = word | DETACHED | RETIRING;
        word = word & ~RETIRING;
        if (word == DETACHED) {
            ends.incrementAndGet();
        }
    }

    @Arbiter
    public void end(III_Result r) {
        r.r3 = ends.get();
    }
}
