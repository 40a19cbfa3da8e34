// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** I6: MAP_FIXED replaces two mappings; a concurrent lookup in the range finds an old mapping or the whole new one. */
@JCStressTest
@Outcome(
        id = {"1, 1", "2, 0"},
        expect = Expect.ACCEPTABLE,
        desc = "old, or new")
@Outcome(id = "-1, 0", expect = Expect.FORBIDDEN, desc = "a hole")
@Outcome(expect = Expect.FORBIDDEN, desc = "neither the old nor the new")
@State
public class ReplacedPagesAreNeverAHole {
    private final FewPages pages = new FewPages();

    public ReplacedPagesAreNeverAHole() {
        pages.map(0, 2);
        pages.protect(1, 1);
    }

    @Actor
    public void writer() {
        pages.map(0, 2);
    }

    @Actor
    public void reader(II_Result r) {
        Vma found = pages.space.find(FewPages.page(1));
        if (found == null) {
            r.r1 = -1;
        } else {
            r.r1 = (int) ((found.end() - found.start()) / pages.space.geometry().pageSize());
            r.r2 = found.has(VmaFlags.WRITE) ? 1 : 0;
        }
    }

    @Arbiter
    public void end() {
        pages.end();
    }
}
