// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.stress;

import dev.samara.maple.Cursor;
import dev.samara.maple.TwoLeaves;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;

/**
 * Whatever is stored or erased around a cursor, its walk reports every entry that is there all the time, also beyond
 * the edge of the leaf.
 */
@JCStressTest
@Outcome(
        id = {"8, 10, 12", "7, 8, 10"},
        expect = Expect.ACCEPTABLE,
        desc = "all that was there, and what came")
@Outcome(expect = Expect.FORBIDDEN, desc = "missed, or reported twice")
@State
public class CursorMissesNothing {
    private final Cells cells = new Cells();
    private final Cursor<Integer> cursor = cells.tree.cursor();

    public CursorMissesNothing() {
        cursor.find(TwoLeaves.first(6));
    }

    @Actor
    public void writer() {
        cells.cells.store(7, 7);
        cells.cells.erase(7);
    }

    @Actor
    public void reader(III_Result r) {
        r.r1 = Cells.orNothing(cursor.next());
        r.r2 = Cells.orNothing(cursor.next());
        r.r3 = Cells.orNothing(cursor.next());
    }
}
