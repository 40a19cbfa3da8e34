// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.stress;

import dev.samara.maple.Cursor;
import dev.samara.maple.MapleTree;
import dev.samara.maple.Snapshot;
import dev.samara.maple.TwoLeaves;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.JJJ_Result;

/**
 * Like {@link GrownRangeIsOldOrNew}, in a word that also contains other lanes, and with a cursor: the next entry starts
 * where the growing entry ends.
 */
@JCStressTest
@Outcome(
        id = {"115, 116, 127", "123, 124, 127", "115, 96, 123"},
        expect = Expect.ACCEPTABLE,
        desc = "both before, both after, or the same entry again with its new end")
@Outcome(expect = Expect.FORBIDDEN, desc = "a gap, an overlap, or a third bound")
@State
public class GrownLanesAreOldOrNew {
    private static final Snapshot<Integer> ABOVE = TwoLeaves.above(Cells.NOTHING);

    private final MapleTree<Integer> tree;
    private final Cursor<Integer> cursor;

    public GrownLanesAreOldOrNew() {
        TwoLeaves<Integer> cells = TwoLeaves.high(cell -> cell, ABOVE);
        cells.store(7, 7);
        tree = cells.tree;
        grow(3);
        cursor = tree.cursor();
    }

    private void grow(int end) {
        tree.store(TwoLeaves.first(6), TwoLeaves.first(7) + end, 6);
    }

    @Actor
    public void writer() {
        grow(11);
    }

    @Actor
    public void reader(JJJ_Result r) {
        cursor.find(TwoLeaves.first(6));
        r.r1 = cursor.last();
        cursor.next();
        r.r2 = cursor.first();
        r.r3 = cursor.last();
    }
}
