// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** A mutant of {@link LinkedThenChecked}: the table is linked, and the VMA detached, with release stores. */
@JCStressTest
@Outcome(
        id = {"0, 0", "0, 1", "1, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "not installed, or found by the walk")
@Outcome(id = "1, 0", expect = Expect.ACCEPTABLE_INTERESTING, desc = "the page outlives its mapping")
@State
public class LinkedWithRelease {
    private final AtomicReference<@Nullable Object> table = new AtomicReference<>();
    private final AtomicInteger detached = new AtomicInteger();

    @Actor
    public void fault(II_Result r) {
        table.setRelease(this);
        r.r1 = detached.getAcquire() == 0 ? 1 : 0;
    }

    @Actor
    public void unmap(II_Result r) {
        detached.setRelease(1);
        r.r2 = table.getAcquire() == null ? 0 : 1;
    }
}
