// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.page.TableReserve;
import dev.samara.core.internal.page.UnhookTables;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/** A mutant of {@link UnhookedBesideInstall}: the install does not check whether the table is dead. */
@JCStressTest
@Outcome(id = "1", expect = Expect.ACCEPTABLE, desc = "there")
@Outcome(id = "0", expect = Expect.ACCEPTABLE_INTERESTING, desc = "put into a table that no walk can find")
@State
public class UnhookedWithoutMark {
    private final OnePage page = new OnePage();

    public UnhookedWithoutMark() {
        page.table.leafFromReserve(OnePage.AT, TableReserve.NONE);
    }

    @Actor
    public void installer() {
        long[] leaf = page.table.leafFromReserve(OnePage.AT, TableReserve.NONE);
        Leaf.lock(leaf);
        Leaf.compareAndSet(leaf, page.table.indexOf(OnePage.AT), Pte.NONE, OnePage.pte(1));
        Leaf.unlock(leaf);
    }

    @Actor
    public void unhooker() {
        UnhookTables.unhookIfEmpty(page.table, OnePage.AT);
    }

    @Arbiter
    public void end(I_Result r) {
        r.r1 = page.found();
    }
}
