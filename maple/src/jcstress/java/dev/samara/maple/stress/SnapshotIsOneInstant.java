// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.stress;

import dev.samara.maple.Snapshot;
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
 * A snapshot that is taken concurrently with stores that replace leaves in place contains the first store if it
 * contains the second, and does not change afterwards: it ends the era, and the writer does not modify nodes of an
 * ended era. {@code RootThatNobodyFroze} is a mutant of this test.
 */
@JCStressTest
@Outcome(
        id = {"8, 10, 8, 10", "1, 10, 1, 10", "1, 1, 1, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "of one instant, and it stays")
@Outcome(expect = Expect.FORBIDDEN, desc = "of two instants, or changed later")
@State
public class SnapshotIsOneInstant {
    private final Cells cells = new Cells();
    private @Nullable Snapshot<Integer> taken;

    @Actor
    public void writer() {
        cells.cells.store(8, 1);
        cells.cells.store(10, 1);
    }

    @Actor
    public void reader(IIII_Result r) {
        Snapshot<Integer> now = cells.tree.snapshot();
        r.r1 = Cells.value(now, 8);
        r.r2 = Cells.value(now, 10);
        taken = now;
    }

    @Arbiter
    public void later(IIII_Result r) {
        Snapshot<Integer> then = Objects.requireNonNull(taken);
        r.r3 = Cells.value(then, 8);
        r.r4 = Cells.value(then, 10);
    }
}
