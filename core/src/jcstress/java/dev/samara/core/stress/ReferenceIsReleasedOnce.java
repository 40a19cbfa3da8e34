// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.VmaRef;
import dev.samara.core.internal.vma.VmArea;
import java.util.Objects;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;

/** Two threads release the same reference concurrently: one of them is refused. */
@JCStressTest
@Outcome(
        id = {"1, 0, 0", "0, 1, 0"},
        expect = Expect.ACCEPTABLE,
        desc = "by one of the two")
@Outcome(expect = Expect.FORBIDDEN, desc = "by none, or by both")
@State
public class ReferenceIsReleasedOnce {
    private final FewPages pages = new FewPages();
    private final VmaRef reference;

    public ReferenceIsReleasedOnce() {
        pages.map(0, 1);
        reference = Objects.requireNonNull(pages.space.acquire(FewPages.page(0)));
    }

    private int release() {
        try {
            reference.close();
            return 1;
        } catch (IllegalStateException refused) {
            return 0;
        }
    }

    @Actor
    public void one(III_Result r) {
        r.r1 = release();
    }

    @Actor
    public void other(III_Result r) {
        r.r2 = release();
    }

    @Arbiter
    public void end(III_Result r) {
        r.r3 = VmArea.of(reference.vma()).references();
        pages.end();
    }
}
