// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import java.util.concurrent.atomic.AtomicLong;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;

/** A mutant of {@link GuestThenGeneration}: the CPU enters GUEST with a release store. */
@JCStressTest
@Outcome(
        id = {"0, 0, 0", "0, 0, 1", "1, 0, 1", "1, 1, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "catches up, or is waited for")
@Outcome(
        id = {"1, 0, 0", "1, 1, 0"},
        expect = Expect.ACCEPTABLE_INTERESTING,
        desc = "uses its old translation or the old entry, and no thread waits for it")
@State
public class GuestWithRelease {
    private final AtomicLong word = new AtomicLong();
    private final AtomicLong generation = new AtomicLong(1);
    private final AtomicLong entry = new AtomicLong(1);

    @Actor
    public void owner(III_Result r) {
        word.setRelease(1);
        r.r1 = generation.get() == 1 ? 1 : 0;
        r.r2 = (int) entry.get();
    }

    @Actor
    public void shooter(III_Result r) {
        entry.set(0);
        generation.incrementAndGet();
        r.r3 = (int) word.get();
    }
}
