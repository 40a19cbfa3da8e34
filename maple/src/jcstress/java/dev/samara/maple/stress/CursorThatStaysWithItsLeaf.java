// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.stress;

import dev.samara.maple.Cursor;
import dev.samara.maple.TwoLeaves;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * A mutant of {@link CursorSeesTheErase}: the cursor continues in the leaf that it has cached, as a snapshot's cursor
 * does.
 */
@JCStressTest
@Outcome(
        id = {"7, 7", "7, 8", "-1, 8"},
        expect = Expect.ACCEPTABLE,
        desc = "there, or gone")
@Outcome(id = "-1, 7", expect = Expect.ACCEPTABLE_INTERESTING, desc = "gone, and reported")
@Outcome(expect = Expect.FORBIDDEN, desc = "what is behind it was missed")
@State
public class CursorThatStaysWithItsLeaf {
    private final Cells cells = new Cells();
    private final Cursor<Integer> cursor;

    public CursorThatStaysWithItsLeaf() {
        cells.cells.store(7, 7);
        cursor = cells.tree.snapshot().cursor();
        cursor.find(TwoLeaves.first(6));
    }

    @Actor
    public void writer() {
        cells.cells.erase(7);
    }

    @Actor
    public void reader(II_Result r) {
        r.r1 = cells.get(7);
        r.r2 = Cells.orNothing(cursor.next());
    }
}
