// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** A mutant of {@link IdleOrEnded}: the CPU is returned to the pool with a release store. */
@JCStressTest
@Outcome(
        id = {"1, 0", "0, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "one of them ends the CPU")
@Outcome(id = "0, 0", expect = Expect.ACCEPTABLE_INTERESTING, desc = "the CPU keeps the space from its end")
@State
public class IdleWithRelease {
    private final AtomicInteger references = new AtomicInteger(1);
    private final AtomicReference<@Nullable Object> place = new AtomicReference<>();

    @Actor
    public void leaver(II_Result r) {
        place.setRelease(this);
        r.r1 = references.get() == 0 && place.compareAndSet(this, null) ? 1 : 0;
    }

    @Actor
    public void closer(II_Result r) {
        references.getAndDecrement();
        r.r2 = place.compareAndSet(this, null) ? 1 : 0;
    }
}
