// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * {@code LeafInPlaceIsWhole} broken on purpose: the leaf is put in its place, and got from there, without an access
 * mode. In this package for its nodes.
 *
 * <p>The memory model allows what is called interesting here. It has not been seen, and on x86 is not to be expected:
 * that does not reorder stores. That the modes are there is checked in the sources, by {@code AccessModesTest}.
 */
@JCStressTest
@Outcome(
        id = {"0, 0", "1, 2"},
        expect = Expect.ACCEPTABLE,
        desc = "before, or whole")
@Outcome(expect = Expect.ACCEPTABLE_INTERESTING, desc = "found before its fields")
@State
public class LeafPutPlainly {
    /** The slot of cell 6. */
    private static final int SLOT = 6;

    private final Node root = new TwoLeaves<>(cell -> new Pair()).tree.rootAcquire();

    private static final class Pair {
        int one;
        int other;
    }

    private @Nullable Object[] leaf() {
        return root.leaves[0];
    }

    @Actor
    public void writer() {
        Pair pair = new Pair();
        pair.one = 1;
        pair.other = 2;
        @Nullable Object[] leaf = leaf().clone();
        leaf[SLOT + 1] = pair;
        root.setChild(0, leaf);
    }

    @Actor
    public void reader(II_Result r) {
        Pair pair = (Pair) Objects.requireNonNull(LeafNode.content(leaf(), SLOT));
        r.r2 = pair.other;
        r.r1 = pair.one;
    }
}
