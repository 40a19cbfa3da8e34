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
 * {@link SnapshotIsOneInstant} when no era is open: the first store opens an era and publishes a new root, and the
 * second store replaces a leaf in place below that root. In this case the snapshot takes no lock; it reads the era, the
 * root, and the era again.
 */
@JCStressTest
@Outcome(
        id = {"8, 10, 8, 10", "1, 10, 1, 10", "1, 1, 1, 1"},
        expect = Expect.ACCEPTABLE,
        desc = "of one instant, and it stays")
@Outcome(expect = Expect.FORBIDDEN, desc = "of two instants, or changed later")
@State
public class SnapshotBesideAFirstStore {
    private static final int TRIES = 50;

    private final Cells cells = new Cells();
    private @Nullable Snapshot<Integer> taken;

    public SnapshotBesideAFirstStore() {
        cells.tree.snapshot();
    }

    @Actor
    public void writer() {
        cells.cells.store(8, 1);
        cells.cells.store(10, 1);
    }

    @Actor
    public void reader(IIII_Result r) {
        Snapshot<Integer> now = cells.tree.snapshot();
        // Repeated until the first store is visible, so that one of the snapshots races with its publication.
        for (int n = 0; n < TRIES && Cells.value(now, 8) == 8; n++) {
            now = cells.tree.snapshot();
        }
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
