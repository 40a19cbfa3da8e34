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
 * A reader that knows that an entry was erased does not get it from a cursor that is on the entry before it, in the
 * leaf that contained it.
 */
@JCStressTest
@Outcome(
        id = {"7, 7", "7, 8", "-1, 8"},
        expect = Expect.ACCEPTABLE,
        desc = "there, or gone")
@Outcome(expect = Expect.FORBIDDEN, desc = "gone, and reported; or what is behind it was missed")
@State
public class CursorSeesTheErase {
    private final Cells cells = new Cells();
    private final Cursor<Integer> cursor = cells.tree.cursor();

    public CursorSeesTheErase() {
        cells.cells.store(7, 7);
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
