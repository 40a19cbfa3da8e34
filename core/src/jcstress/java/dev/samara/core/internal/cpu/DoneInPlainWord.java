// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** A mutant of {@link DoneAfterTheLastAccess}: the word is accessed in plain mode. */
@JCStressTest
@Outcome(
        id = {"0, 0", "0, 1", "1, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "not done, or done and the store is there")
@Outcome(id = "1, 0", expect = Expect.ACCEPTABLE_INTERESTING, desc = "done, and the store comes later")
@State
public class DoneInPlainWord {
    private int flushed;
    private int written;

    @Actor
    public void owner() {
        written = 1;
        flushed = 2;
    }

    @Actor
    public void shooter(II_Result r) {
        r.r1 = flushed >= 2 ? 1 : 0;
        r.r2 = written;
    }
}
