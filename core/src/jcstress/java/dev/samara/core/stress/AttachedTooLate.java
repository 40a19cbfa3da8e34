// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.internal.vma.VmArea;
import dev.samara.maple.MapleTree;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** A mutant of {@link FoundVmaIsAttached}: the VMA is stored first and attached afterwards. */
@JCStressTest
@Outcome(id = "0, 0", expect = Expect.ACCEPTABLE, desc = "not there yet, or attached")
@Outcome(
        id = {"0, 1", "1, 0", "1, 1"},
        expect = Expect.ACCEPTABLE_INTERESTING,
        desc = "found before it was attached")
@State
public class AttachedTooLate {
    private final MapleTree<VmArea> tree = new MapleTree<>();

    @Actor
    public void writer() {
        CountedOpen open = new CountedOpen();
        VmArea vma = Attached.fresh();
        tree.store(16, 31, vma);
        vma.attach(open, null);
    }

    @Actor
    public void reader(II_Result r) {
        VmArea found = tree.get(20);
        if (found != null) {
            r.r1 = found.isFresh() ? 1 : 0;
            r.r2 = found.open() == null ? 1 : 0;
        }
    }
}
