// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.maple.MapleTree;
import dev.samara.maple.RangeView;
import dev.samara.maple.Snapshot;
import java.util.Objects;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.IIII_Result;

/**
 * Two stores of one transaction: a snapshot has both or none, and look-ups one after another do not go back. One reader
 * does both, since JCStress leaves out a test of three actors where there are two processors.
 */
@JCStressTest
@Outcome(
        id = {"0, 0, 0, 0", "0, 0, 1, 1", "0, 1, 1, 1", "1, 1, 1, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "all or nothing")
@Outcome(expect = Expect.FORBIDDEN, desc = "half a transaction")
@State
public class TransactionIsAllOrNothing {
    private final MapleTree<Integer> tree = new MapleTree<>();

    public TransactionIsAllOrNothing() {
        tree.store(0, 15, 0);
        tree.store(64, 79, 0);
    }

    static int value(RangeView<Integer> view, long index) {
        return Objects.requireNonNull(view.get(index));
    }

    @Actor
    public void writer() {
        tree.update(transaction -> {
            transaction.store(0, 15, 1);
            transaction.store(64, 79, 1);
        });
    }

    @Actor
    public void reader(IIII_Result r) {
        r.r1 = value(tree, 8);
        r.r2 = value(tree, 70);
        Snapshot<Integer> now = tree.snapshot();
        r.r3 = value(now, 8);
        r.r4 = value(now, 70);
    }
}
