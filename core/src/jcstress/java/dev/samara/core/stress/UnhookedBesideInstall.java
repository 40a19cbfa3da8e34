// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.internal.page.TableReserve;
import dev.samara.core.internal.page.UnhookTables;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** P14: an empty table is unhooked while a page is installed. */
@JCStressTest
@Outcome(id = "1, 2", expect = Expect.ACCEPTABLE, desc = "there, in tables that can be found")
@Outcome(expect = Expect.FORBIDDEN, desc = "put into a table that no walk can find")
@State
public class UnhookedBesideInstall {
    private final OnePage page = new OnePage();

    public UnhookedBesideInstall() {
        page.table.leafFromReserve(OnePage.AT, TableReserve.NONE);
    }

    @Actor
    public void installer() {
        page.put(1);
    }

    @Actor
    public void unhooker() {
        UnhookTables.unhookIfEmpty(page.table, OnePage.AT);
    }

    @Arbiter
    public void end(II_Result r) {
        r.r1 = page.found();
        r.r2 = page.table.tables();
    }
}
