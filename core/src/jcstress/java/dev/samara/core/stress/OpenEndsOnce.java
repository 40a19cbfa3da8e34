// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/** One thread passes a share of an open on while another thread drops its share: the last drop ends the open. */
@JCStressTest
@Outcome(id = "1", expect = Expect.ACCEPTABLE, desc = "ended once")
@Outcome(expect = Expect.FORBIDDEN, desc = "never, or twice")
@State
public class OpenEndsOnce {
    private final CountedOpen open = new CountedOpen();

    public OpenEndsOnce() {
        open.get();
    }

    @Actor
    public void heir() {
        open.get();
        open.put();
        open.put();
    }

    @Actor
    public void other() {
        open.put();
    }

    @Arbiter
    public void end(I_Result r) {
        r.r1 = open.ends.get();
    }
}
