// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import java.util.concurrent.atomic.AtomicLong;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** A mutant of {@link TakenOffOrBack}: the CPU only checks that a user exists, and counts itself after its store. */
@JCStressTest
@Outcome(
        id = {"1, 0", "0, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "back, or taken off")
@Outcome(id = "1, 1", expect = Expect.ACCEPTABLE_INTERESTING, desc = "taken off the context to which it has returned")
@State
public class BackBeforeCounted {
    private static final long KERNEL = 1;
    private static final long LAZY = 4;
    private static final long TAKEN_OFF = 5;

    private final AtomicLong word = new AtomicLong(LAZY);
    private final AtomicLong users = new AtomicLong(1);

    @Actor
    public void owner(II_Result r) {
        if (users.get() != 0) {
            word.setRelease(KERNEL);
            users.getAndIncrement();
            r.r1 = 1;
        }
    }

    @Actor
    public void taker(II_Result r) {
        if (users.decrementAndGet() == 0) {
            word.set(TAKEN_OFF);
            r.r2 = 1;
        }
    }
}
