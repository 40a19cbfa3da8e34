// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import java.util.concurrent.atomic.AtomicLong;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** A mutant of {@link GracePeriod}: the section is entered with a release store, and scanned with an acquire load. */
@JCStressTest
@Outcome(
        id = {"1, 1", "0, 0", "0, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "not found, or waited for")
@Outcome(id = "1, 0", expect = Expect.ACCEPTABLE_INTERESTING, desc = "found by a reader that is not waited for")
@State
public class SectionWithRelease {
    private final AtomicLong section = new AtomicLong();
    private final AtomicLong entry = new AtomicLong(1);

    @Actor
    public void reader(II_Result r) {
        section.setRelease(1);
        r.r1 = (int) entry.getAcquire();
    }

    @Actor
    public void updater(II_Result r) {
        entry.setRelease(0);
        r.r2 = (int) section.getAcquire();
    }
}
