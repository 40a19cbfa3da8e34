// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.stress;

import dev.samara.maple.Snapshot;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * A mutant of {@link TransactionIsAllOrNothing}: two stores without a transaction, so that a snapshot may fall between
 * them.
 */
@JCStressTest
@Outcome(
        id = {"8, 10", "1, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "before or after both")
@Outcome(id = "1, 10", expect = Expect.ACCEPTABLE_INTERESTING, desc = "between them")
@Outcome(expect = Expect.FORBIDDEN, desc = "the second without the first")
@State
public class StoresWithoutTransaction {
    private final Cells cells = new Cells();

    @Actor
    public void writer() {
        cells.cells.store(8, 1);
        cells.cells.store(10, 1);
    }

    @Actor
    public void reader(II_Result r) {
        Snapshot<Integer> now = cells.tree.snapshot();
        r.r1 = Cells.value(now, 8);
        r.r2 = Cells.value(now, 10);
    }
}
