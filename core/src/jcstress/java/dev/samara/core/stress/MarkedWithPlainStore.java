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
import org.openjdk.jcstress.infra.results.I_Result;

/**
 * A mutant of {@link UnmappedBesideAWalker}: the walker sets the marks with a plain store of the entry that it read.
 */
@JCStressTest
@Outcome(id = "0", expect = Expect.ACCEPTABLE, desc = "gone")
@Outcome(id = "1", expect = Expect.ACCEPTABLE_INTERESTING, desc = "the entry is back")
@State
public class MarkedWithPlainStore {
    private final OnePage page = new OnePage();
    private final long[] leaf;
    private final int index;

    public MarkedWithPlainStore() {
        page.put(1);
        leaf = page.table.leafFromReserve(OnePage.AT, TableReserve.NONE);
        index = page.table.indexOf(OnePage.AT);
    }

    @Actor
    public void walker() {
        long pte = Leaf.get(leaf, index);
        if (Pte.isPresent(pte)) {
            leaf[index] = pte | Pte.ACCESSED | Pte.DIRTY;
        }
    }

    @Actor
    public void unmap() {
        Leaf.getAndSet(leaf, index, Pte.NONE);
    }

    @Arbiter
    public void end(I_Result r) {
        r.r1 = page.found();
    }
}
