// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/**
 * A mutant of {@link CloseIsHandedOver}: the retiring bit and the reference are separate words, and each side reads the
 * other side's word.
 */
@JCStressTest
@Outcome(id = "1", expect = Expect.ACCEPTABLE, desc = "ended once")
@Outcome(expect = Expect.ACCEPTABLE_INTERESTING, desc = "by neither, or by both")
@State
public class CloseInTwoWords {
    private volatile boolean retiring = true;
    private volatile boolean referenced = true;
    private final AtomicInteger ends = new AtomicInteger();

    @Actor
    public void holder() {
        referenced = false;
        if (!retiring) {
            ends.incrementAndGet();
        }
    }

    @Actor
    public void operation() {
        retiring = false;
        if (!referenced) {
            ends.incrementAndGet();
        }
    }

    @Arbiter
    public void end(I_Result r) {
        r.r1 = ends.get();
    }
}
