// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import java.util.concurrent.atomic.AtomicLongArray;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** A mutant of {@link LoggedRangeIsWhole}: the reader does not recheck the seal. */
@JCStressTest
@Outcome(
        id = {"0, 0", "1, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "as it was written, or not there")
@Outcome(
        id = {"1, 2", "2, 2", "2, 1"},
        expect = Expect.ACCEPTABLE_INTERESTING,
        desc = "parts of another")
@State
public class LoggedRangeReadOnce {
    private static final int SEAL = 0;
    private static final int START = 1;
    private static final int CPUS = 2;

    private final AtomicLongArray record = new AtomicLongArray(new long[] {1, 1, 1});

    @Actor
    public void writer() {
        record.compareAndSet(SEAL, 1, -2);
        record.setOpaque(START, 2);
        record.setOpaque(CPUS, 2);
        record.setRelease(SEAL, 2);
    }

    @Actor
    public void reader(II_Result r) {
        if (record.getAcquire(SEAL) == 1) {
            r.r1 = (int) record.getOpaque(START);
            r.r2 = (int) record.getOpaque(CPUS);
        }
    }
}
