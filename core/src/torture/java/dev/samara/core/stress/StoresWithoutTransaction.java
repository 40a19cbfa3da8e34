// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.maple.MapleTree;
import dev.samara.maple.Snapshot;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** {@link TransactionIsAllOrNothing} broken on purpose: two stores without a transaction, and a snapshot between them. */
@JCStressTest
@Outcome(
        id = {"0, 0", "1, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "before or after both")
@Outcome(id = "1, 0", expect = Expect.ACCEPTABLE_INTERESTING, desc = "between them")
@Outcome(expect = Expect.FORBIDDEN, desc = "the second without the first")
@State
public class StoresWithoutTransaction {
    private final MapleTree<Integer> tree = new MapleTree<>();

    public StoresWithoutTransaction() {
        tree.store(0, 15, 0);
        tree.store(64, 79, 0);
    }

    @Actor
    public void writer() {
        tree.store(0, 15, 1);
        tree.store(64, 79, 1);
    }

    @Actor
    public void reader(II_Result r) {
        Snapshot<Integer> now = tree.snapshot();
        r.r1 = TransactionIsAllOrNothing.value(now, 8);
        r.r2 = TransactionIsAllOrNothing.value(now, 70);
    }
}
