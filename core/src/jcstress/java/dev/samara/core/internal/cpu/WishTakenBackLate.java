// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import java.util.concurrent.atomic.AtomicLong;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** A mutant of {@link NoWishIsLost}: the CPU clears the request after it reads the generation. */
@JCStressTest
@Outcome(
        id = {"1, 0", "1, 1", "0, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "caught up, or will be")
@Outcome(id = "0, 0", expect = Expect.ACCEPTABLE_INTERESTING, desc = "behind, and nobody will tell it")
@State
public class WishTakenBackLate {
    private final AtomicLong pending = new AtomicLong(1);
    private final AtomicLong generation = new AtomicLong();

    @Actor
    public void owner(II_Result r) {
        r.r1 = (int) generation.get();
        pending.set(0);
    }

    @Actor
    public void shooter() {
        generation.incrementAndGet();
        pending.set(1);
    }

    @Arbiter
    public void end(II_Result r) {
        r.r2 = (int) pending.get();
    }
}
