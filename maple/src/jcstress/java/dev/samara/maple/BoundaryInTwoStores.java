// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * A mutant of {@code GrownRangeIsOldOrNew}: the word that contains the boundary is stored in two halves, as a boundary
 * larger than a word would be. It is in this package because it accesses the pivots.
 */
@JCStressTest
@Outcome(
        id = {"6, 7", "6, 6"},
        expect = Expect.ACCEPTABLE,
        desc = "before, or after")
@Outcome(expect = Expect.ACCEPTABLE_INTERESTING, desc = "a third bound")
@State
public class BoundaryInTwoStores {
    private static final long BASE = 1L << 40;
    private static final long LOW = -1L >>> 32;

    private final MapleTree<Integer> tree = new MapleTree<>();

    public BoundaryInTwoStores() {
        tree.store(0, BASE - 1, 6);
        tree.store(BASE, 2 * BASE - 1, 7);
    }

    @Actor
    public void writer() {
        long[] pivots = tree.rootAcquire().childPivots[0];
        // The addition carries into the upper half of the word.
        long end = (BASE + 0xff) >>> 1;
        LeafNode.move(pivots, 0, Node.join((pivots[0] & ~LOW) | (end & LOW), 0));
        LeafNode.move(pivots, 0, Node.join(end, 0));
    }

    @Actor
    public void reader(II_Result r) {
        r.r1 = value(BASE - 1);
        r.r2 = value(BASE);
    }

    private int value(long index) {
        Integer value = tree.get(index);
        return value == null ? -1 : value;
    }
}
