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
 * P2, P30: a discard marks an entry and later empties it; an unmap takes the entry, whether marked or not. Exactly one
 * of them gets the frame.
 */
@JCStressTest
@Outcome(
        id = {"1, 0, 0", "0, 1, 0"},
        expect = Expect.ACCEPTABLE,
        desc = "freed by one of the two, and gone")
@Outcome(expect = Expect.FORBIDDEN, desc = "freed by none or by both, or still there")
@State
public class TakenOverOnce {
    private static final int OWNER = 3;

    private final OnePage page = new OnePage();
    private final long[] leaf;
    private final int index;

    public TakenOverOnce() {
        page.put(1);
        leaf = page.table.leafFromReserve(OnePage.AT, TableReserve.NONE);
        index = page.table.indexOf(OnePage.AT);
    }

    @Actor
    public void discard(III_Result r) {
        long pte = Leaf.get(leaf, index);
        if (Pte.isPresent(pte)) {
            long mark = Pte.busy(pte, OWNER, false);
            if (Leaf.compareAndSet(leaf, index, pte, mark) && Leaf.compareAndSet(leaf, index, mark, Pte.NONE)) {
                r.r1 = 1;
            }
        }
    }

    @Actor
    public void unmap(III_Result r) {
        long pte = Leaf.getAndSet(leaf, index, Pte.NONE);
        r.r2 = Pte.isPresent(pte) || Pte.isBusy(pte) ? 1 : 0;
    }

    @Arbiter
    public void end(III_Result r) {
        r.r3 = page.found();
    }
}
