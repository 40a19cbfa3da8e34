// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.stress;

import dev.samara.maple.Cursor;
import dev.samara.maple.TwoLeaves;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.JJJ_Result;

/**
 * An entry grows over its neighbours, and is cut again, while a cursor is on it: the last index of the reported entries
 * increases.
 */
@JCStressTest
@Outcome(id = "111, 143, 175", expect = Expect.ACCEPTABLE, desc = "cells 6, 8 and 10, each end once")
@Outcome(expect = Expect.FORBIDDEN, desc = "went back, or passed over an end that was there")
@State
public class CursorRisesOverWhatGrows {
    private final Cells cells = new Cells();
    private final Cursor<Integer> cursor = cells.tree.cursor();

    public CursorRisesOverWhatGrows() {
        cursor.find(TwoLeaves.first(6));
    }

    @Actor
    public void writer() {
        cells.cells.store(6, 8, 100);
        cells.cells.store(6, 6);
    }

    @Actor
    public void reader(JJJ_Result r) {
        r.r1 = cursor.last();
        cursor.next();
        r.r2 = cursor.last();
        cursor.next();
        r.r3 = cursor.last();
    }
}
