// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.page.TableReserve;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;

/**
 * P17: a walker marks an entry accessed and dirty while an unmap takes it: the entry does not reappear, and the mark is
 * not lost.
 */
@JCStressTest
@Outcome(id = "1, 1, 0", expect = Expect.ACCEPTABLE, desc = "marked, then taken with the mark")
@Outcome(id = "0, 0, 0", expect = Expect.ACCEPTABLE, desc = "taken, and not marked")
@Outcome(expect = Expect.FORBIDDEN, desc = "the entry is back, or a store was forgotten")
@State
public class UnmappedBesideAWalker {
    private final OnePage page = new OnePage();
    private final long[] leaf;
    private final int index;

    public UnmappedBesideAWalker() {
        page.put(1);
        leaf = page.table.leafFromReserve(OnePage.AT, TableReserve.NONE);
        index = page.table.indexOf(OnePage.AT);
    }

    @Actor
    public void walker(III_Result r) {
        long pte = Leaf.get(leaf, index);
        if (Pte.isPresent(pte) && Leaf.compareAndSet(leaf, index, pte, pte | Pte.ACCESSED | Pte.DIRTY)) {
            r.r1 = 1;
        }
    }

    @Actor
    public void unmap(III_Result r) {
        r.r2 = Pte.has(Leaf.getAndSet(leaf, index, Pte.NONE), Pte.DIRTY) ? 1 : 0;
    }

    @Arbiter
    public void end(III_Result r) {
        r.r3 = page.found();
    }
}
