// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.stress;

import dev.samara.maple.Snapshot;
import dev.samara.maple.TwoLeaves;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.IIII_Result;

/**
 * Two stores of one transaction to two leaves, in a tree whose leaves can be replaced in place: a snapshot contains
 * both or neither, and consecutive lookups do not go back in time. One reader checks both, because JCStress skips a
 * test with three actors on a machine with two processors.
 */
@JCStressTest
@Outcome(
        id = {"8, 10, 8, 10", "8, 10, 1, 1", "8, 1, 1, 1", "1, 1, 1, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "all or nothing")
@Outcome(expect = Expect.FORBIDDEN, desc = "half a transaction")
@State
public class TransactionIsAllOrNothing {
    private final Cells cells = new Cells();

    @Actor
    public void writer() {
        cells.tree.update(transaction -> {
            transaction.store(TwoLeaves.first(8), TwoLeaves.last(8), 1);
            transaction.store(TwoLeaves.first(10), TwoLeaves.last(10), 1);
        });
    }

    @Actor
    public void reader(IIII_Result r) {
        r.r1 = cells.get(8);
        r.r2 = cells.get(10);
        Snapshot<Integer> now = cells.tree.snapshot();
        r.r3 = Cells.value(now, 8);
        r.r4 = Cells.value(now, 10);
    }
}
