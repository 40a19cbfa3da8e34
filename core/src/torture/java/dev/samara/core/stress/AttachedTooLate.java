// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.internal.vma.Attachable;
import dev.samara.core.internal.vma.Life;
import dev.samara.maple.MapleTree;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** {@link FoundVmaIsAttached} broken on purpose: it is stored first and attached afterwards. */
@JCStressTest
@Outcome(id = "0, 0", expect = Expect.ACCEPTABLE, desc = "not there yet, or attached")
@Outcome(
        id = {"0, 1", "1, 0", "1, 1"},
        expect = Expect.ACCEPTABLE_INTERESTING,
        desc = "found before it was attached")
@State
public class AttachedTooLate {
    private final MapleTree<Unattached> tree = new MapleTree<>();

    @Actor
    public void writer() {
        Unattached object = new Unattached();
        tree.store(16, 31, object);
        Life.attach(object, object.open, null);
    }

    @Actor
    public void reader(II_Result r) {
        Unattached found = tree.get(20);
        if (found != null) {
            r.r1 = Life.isFresh(found) ? 1 : 0;
            r.r2 = Life.openOf(found) == null ? 1 : 0;
        }
    }

    private static final class Unattached extends Attachable {
        final CountedOpen open = new CountedOpen();
    }
}
