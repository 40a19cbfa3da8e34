// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.Vma;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;

/** Publication of a VMA: a reader that finds the VMA also sees its state word, its gate and its open. */
@JCStressTest
@Outcome(id = "0, 0, 0", expect = Expect.ACCEPTABLE, desc = "attached, and gated if it replaces something")
@Outcome(expect = Expect.FORBIDDEN, desc = "found before it was attached")
@State
public class FoundVmaIsAttached {
    private final FewPages pages = new FewPages();
    private final Vma old;

    public FoundVmaIsAttached() {
        pages.mapOpened(0, 1);
        old = find();
    }

    private Vma find() {
        Vma found = pages.space.find(FewPages.page(0));
        if (found == null) {
            throw new IllegalStateException("a hole");
        }
        return found;
    }

    @Actor
    public void writer() {
        pages.mapOpened(0, 1);
    }

    @Actor
    public void reader(III_Result r) {
        Vma found = find();
        r.r1 = VmArea.of(found).isFresh() ? 1 : 0;
        r.r2 = found != old && VmArea.of(found).gate() == null ? 1 : 0;
        r.r3 = VmArea.of(found).open() == null ? 1 : 0;
    }

    @Arbiter
    public void end() {
        pages.end();
    }
}
