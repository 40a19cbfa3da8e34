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

/** A mutant of {@link OpenEndsOnce}: the shares are counted with plain accesses. */
@JCStressTest
@Outcome(id = "1", expect = Expect.ACCEPTABLE, desc = "ended once")
@Outcome(expect = Expect.ACCEPTABLE_INTERESTING, desc = "never, or twice")
@State
public class OpenWithPlainCount {
    private int shares = 2;
    private final AtomicInteger ends = new AtomicInteger();

    private void drop() {
        shares = shares - 1;
        if (shares == 0) {
            ends.incrementAndGet();
        }
    }

    @Actor
    public void heir() {
        shares = shares + 1;
        drop();
        drop();
    }

    @Actor
    public void other() {
        drop();
    }

    @Arbiter
    public void end(I_Result r) {
        r.r1 = ends.get();
    }
}
