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
 * A mutant of {@link FoundValueIsWhole}: the value is stored first and initialized afterwards, which the reader can
 * observe.
 */
@JCStressTest
@Outcome(id = "-1, -1", expect = Expect.ACCEPTABLE, desc = "not there yet")
@Outcome(id = "16, 32", expect = Expect.ACCEPTABLE, desc = "whole")
@Outcome(expect = Expect.ACCEPTABLE_INTERESTING, desc = "found before its fields")
@State
public class ValueFilledTooLate {
    private final MapleTree<Area> tree = new MapleTree<>();

    @Actor
    public void writer() {
        Area area = new Area();
        tree.store(16, 31, area);
        area.start = 16;
        area.end = 32;
    }

    @Actor
    public void reader(JJ_Result r) {
        Area found = tree.get(20);
        r.r1 = found == null ? -1 : found.start;
        r.r2 = found == null ? -1 : found.end;
    }
}
