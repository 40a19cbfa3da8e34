// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.stress;

import dev.samara.maple.RangeEntry;
import dev.samara.maple.TwoLeaves;
import java.util.Objects;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.IJI_Result;

/**
 * The boundary between two entries moves in place: the reader finds each side at either the old or the new boundary.
 */
@JCStressTest
@Outcome(
        id = {"7, 116, 7", "7, 116, 6", "7, 96, 6", "6, 96, 6"},
        expect = Expect.ACCEPTABLE,
        desc = "before, then after")
@Outcome(expect = Expect.FORBIDDEN, desc = "a gap, a third bound, or back in time")
@State
public class GrownRangeIsOldOrNew {
    private static final long MOVED = TwoLeaves.first(7) + 8;

    private final Cells cells = new Cells();

    public GrownRangeIsOldOrNew() {
        cells.cells.store(7, 7);
        // The first growth creates the leaf on which the boundary moves.
        cells.tree.store(TwoLeaves.first(6), TwoLeaves.first(7) + 3, 6);
    }

    @Actor
    public void writer() {
        cells.tree.store(TwoLeaves.first(6), MOVED + 3, 6);
    }

    @Actor
    public void reader(IJI_Result r) {
        r.r1 = Cells.orNothing(cells.tree.get(MOVED));
        RangeEntry<Integer> entry = Objects.requireNonNull(cells.tree.entryAt(MOVED));
        r.r2 = entry.first();
        r.r3 = Cells.orNothing(cells.tree.get(MOVED));
    }
}
