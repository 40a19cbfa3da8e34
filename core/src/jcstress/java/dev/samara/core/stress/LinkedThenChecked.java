// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.page.TableReserve;
import dev.samara.core.internal.vma.VmArea;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;

/** P3: a fault links a table, then checks that its VMA is attached; an unmap detaches the VMA, then walks. */
@JCStressTest
@Outcome(id = "1, 1, 0", expect = Expect.ACCEPTABLE, desc = "installed, and found by the walk")
@Outcome(id = "0, 0, 0", expect = Expect.ACCEPTABLE, desc = "not installed")
@Outcome(expect = Expect.FORBIDDEN, desc = "the page outlives its mapping")
@State
public class LinkedThenChecked {
    private final OnePage page = new OnePage();
    private final VmArea vma = new Attached().vma;

    @Actor
    public void fault(III_Result r) {
        long[] leaf = page.table.leafFromReserve(OnePage.AT, TableReserve.NONE);
        Leaf.lock(leaf);
        try {
            if (!vma.isDetached()) {
                Leaf.compareAndSet(leaf, page.table.indexOf(OnePage.AT), Pte.NONE, OnePage.pte(1));
                r.r1 = 1;
            }
        } finally {
            Leaf.unlock(leaf);
        }
    }

    @Actor
    public void unmap(III_Result r) {
        vma.detach();
        r.r2 = page.unmap();
    }

    @Arbiter
    public void end(III_Result r) {
        r.r3 = page.found();
    }
}
