// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.IIII_Result;

/**
 * A mutant of {@code SnapshotIsOneInstant}: it reads the root, but does not end the era. It is in this package because
 * it accesses the root.
 */
@JCStressTest
@Outcome(
        id = {"8, 10, 8, 10", "1, 10, 1, 10", "1, 1, 1, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "as if of one instant")
@Outcome(expect = Expect.ACCEPTABLE_INTERESTING, desc = "of two instants, or changed later")
@State
public class RootThatNobodyFroze {
    private final TwoLeaves<Integer> cells = new TwoLeaves<>(cell -> cell);
    private @Nullable Snapshot<Integer> taken;

    private static int value(Snapshot<Integer> view, int cell) {
        return Objects.requireNonNull(view.get(TwoLeaves.first(cell)));
    }

    @Actor
    public void writer() {
        cells.store(8, 1);
        cells.store(10, 1);
    }

    @Actor
    public void reader(IIII_Result r) {
        Snapshot<Integer> now = new Snapshot<>(cells.tree.rootAcquire());
        r.r1 = value(now, 8);
        r.r2 = value(now, 10);
        taken = now;
    }

    @Arbiter
    public void later(IIII_Result r) {
        Snapshot<Integer> then = Objects.requireNonNull(taken);
        r.r3 = value(then, 8);
        r.r4 = value(then, 10);
    }
}
