// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.page.TableReserve;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * I2: a CPU adds itself to a leaf's cpumask, then reads an entry; a shooter changes the entry, then reads the cpumask.
 */
@JCStressTest
@Outcome(
        id = {"1, 1", "0, 0", "0, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "the new entry, or it is asked")
@Outcome(id = "1, 0", expect = Expect.FORBIDDEN, desc = "has the old entry, and is not asked")
@State
public class HeldThenRead {
    private static final long BIT = 4;

    private final PageTable table;
    private final long[] leaf;
    private final int index;

    public HeldThenRead() {
        OnePage page = new OnePage();
        page.put(1);
        table = page.table;
        leaf = table.leafFromReserve(OnePage.AT, TableReserve.NONE);
        index = table.indexOf(OnePage.AT);
    }

    @Actor
    public void owner(II_Result r) {
        Leaf.addToCpumask(leaf, index, BIT, false);
        r.r1 = Leaf.get(leaf, index) == Pte.NONE ? 0 : 1;
    }

    @Actor
    public void shooter(II_Result r) {
        Leaf.getAndSet(leaf, index, Pte.NONE);
        r.r2 = (Leaf.cpumask(leaf, index, index) & BIT) == 0 ? 0 : 1;
    }
}
