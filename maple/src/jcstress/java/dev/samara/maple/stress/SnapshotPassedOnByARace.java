// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.stress;

import dev.samara.maple.Snapshot;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * A snapshot that is passed to another thread through a plain field is complete nevertheless: its root is final, and
 * everything below the root was stored before the snapshot was created.
 */
@JCStressTest
@Outcome(id = "-1, -1", expect = Expect.ACCEPTABLE, desc = "not handed over yet")
@Outcome(id = "1, 12", expect = Expect.ACCEPTABLE, desc = "whole")
@Outcome(expect = Expect.FORBIDDEN, desc = "half a snapshot")
@State
public class SnapshotPassedOnByARace {
    // Plain, because this race is under test.
    private @Nullable Snapshot<Integer> handedOver;

    @Actor
    public void writer() {
        Cells cells = new Cells();
        cells.cells.store(8, 1);
        handedOver = cells.tree.snapshot();
    }

    @Actor
    public void reader(II_Result r) {
        Snapshot<Integer> snapshot = handedOver;
        if (snapshot == null) {
            r.r1 = -1;
            r.r2 = -1;
        } else {
            r.r1 = Cells.value(snapshot, 8);
            snapshot.forEach((first, last, value) -> r.r2++);
        }
    }
}
