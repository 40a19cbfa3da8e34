// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.stress;

import dev.samara.maple.MapleTree;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.JJ_Result;

/**
 * A reader that finds a value sees its fields as they were when it was stored: the root's release store pairs with the
 * reader's acquire load.
 */
@JCStressTest
@Outcome(id = "-1, -1", expect = Expect.ACCEPTABLE, desc = "not there yet")
@Outcome(id = "16, 32", expect = Expect.ACCEPTABLE, desc = "whole")
@Outcome(expect = Expect.FORBIDDEN, desc = "found before its fields")
@State
public class FoundValueIsWhole {
    private final MapleTree<Area> tree = new MapleTree<>();

    @Actor
    public void writer() {
        tree.store(16, 31, new Area(16, 32));
    }

    @Actor
    public void reader(JJ_Result r) {
        Area found = tree.get(20);
        r.r1 = found == null ? -1 : found.start;
        r.r2 = found == null ? -1 : found.end;
    }
}
