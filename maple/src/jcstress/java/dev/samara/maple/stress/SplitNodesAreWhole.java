// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.stress;

import dev.samara.maple.MapleTree;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * A store that splits the only leaf publishes two new leaves and a new root, and readers see them with all their
 * contents.
 */
@JCStressTest
@Outcome(id = "8, 0", expect = Expect.ACCEPTABLE, desc = "before")
@Outcome(id = "9, 0", expect = Expect.ACCEPTABLE, desc = "after")
@Outcome(expect = Expect.FORBIDDEN, desc = "an entry is lost, or stands at another range")
@State
public class SplitNodesAreWhole {
    private static final int BEFORE = 8;

    private final MapleTree<Area> tree = new MapleTree<>();

    public SplitNodesAreWhole() {
        // These entries, with the gaps between them, fill a leaf.
        for (int n = 0; n < BEFORE; n++) {
            store(n);
        }
    }

    private void store(int n) {
        long first = 16L + 32L * n;
        tree.store(first, first + 15, new Area(first, first + 16));
    }

    @Actor
    public void writer() {
        store(BEFORE);
    }

    @Actor
    public void reader(II_Result r) {
        tree.forEach((first, last, area) -> {
            r.r1++;
            if (area.start != first || area.end != last + 1) {
                r.r2++;
            }
        });
    }
}
