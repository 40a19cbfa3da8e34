// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * {@code GrownRangeIsOldOrNew} broken on purpose: the word of the boundary is stored in two halves, as one that goes
 * beyond a word would be. In this package for its pivots.
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
        // Carries into the upper half of the word.
        long end = (BASE + 0xff) >>> 1;
        LeafBoundary.move(pivots, 0, Keys.join((pivots[0] & ~LOW) | (end & LOW), 0));
        LeafBoundary.move(pivots, 0, Keys.join(end, 0));
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
