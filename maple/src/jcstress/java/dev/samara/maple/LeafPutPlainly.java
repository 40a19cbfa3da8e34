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
 * A mutant of {@code LeafInPlaceIsWhole}: the leaf reference is stored and loaded without access modes. It is in this
 * package because it accesses the nodes.
 *
 * <p>The memory model allows the interesting outcome. It has never been observed, and is not expected on x86, which
 * does not reorder stores. {@code AccessModesTest} checks in the class files that the modes are used.
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
