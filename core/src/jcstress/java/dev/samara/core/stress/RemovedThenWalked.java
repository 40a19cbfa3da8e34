// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.page.TableReserve;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;

/**
 * P7: a fault links a table, then checks that the frame still belongs to the page cache; a truncation marks the frame,
 * then walks.
 */
@JCStressTest
@Outcome(id = "1, 1, 0", expect = Expect.ACCEPTABLE, desc = "installed, and found by the walk")
@Outcome(id = "0, 0, 0", expect = Expect.ACCEPTABLE, desc = "not installed")
@Outcome(expect = Expect.FORBIDDEN, desc = "mapped when the frame is freed")
@State
public class RemovedThenWalked {
    private static final int CACHE = 1;

    private final OnePage page = new OnePage();
    private final Frames frames = new Frames(new NoBytes(), 9, 1, 1, false);
    private final int frame = frames.allocateDirty(frames.newMagazine());

    public RemovedThenWalked() {
        frames.assign(frame, CACHE, 0);
    }

    @Actor
    public void fault(III_Result r) {
        long[] leaf = page.table.leafFromReserve(OnePage.AT, TableReserve.NONE);
        Leaf.lock(leaf);
        try {
            if (frames.isCached(frame, CACHE, 0)) {
                Leaf.compareAndSet(leaf, page.table.indexOf(OnePage.AT), Pte.NONE, OnePage.pte(frame));
                r.r1 = 1;
            }
        } finally {
            Leaf.unlock(leaf);
        }
    }

    @Actor
    public void truncation(III_Result r) {
        frames.remove(frame);
        r.r2 = page.unmap();
    }

    @Arbiter
    public void end(III_Result r) {
        r.r3 = page.found();
    }
}
