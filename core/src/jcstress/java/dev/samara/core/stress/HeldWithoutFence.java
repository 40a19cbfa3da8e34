// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import java.util.concurrent.atomic.AtomicLong;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * A mutant of {@link HeldThenRead}: the bit is set with a release store, without a fence before the read of the entry.
 */
@JCStressTest
@Outcome(
        id = {"1, 1", "0, 0", "0, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "the new entry, or it is asked")
@Outcome(id = "1, 0", expect = Expect.ACCEPTABLE_INTERESTING, desc = "has the old entry, and is not asked")
@State
public class HeldWithoutFence {
    private final AtomicLong mask = new AtomicLong();
    private final AtomicLong entry = new AtomicLong(1);

    @Actor
    public void owner(II_Result r) {
        mask.setRelease(mask.getOpaque() | 1);
        r.r1 = (int) entry.get();
    }

    @Actor
    public void shooter(II_Result r) {
        entry.getAndSet(0);
        r.r2 = (int) mask.get();
    }
}
