// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.stress;

import dev.samara.maple.Reader;
import dev.samara.maple.TwoLeaves;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * The reader caches the leaf. After the caller saw a store to that leaf, a reader that cached the old leaf does not
 * return the old value, and finds other entries where they were. {@link CursorThatStaysWithItsLeaf} contains the same
 * fault.
 */
@JCStressTest
@Outcome(
        id = {"6, 8", "100, 8"},
        expect = Expect.ACCEPTABLE,
        desc = "before or after")
@Outcome(expect = Expect.FORBIDDEN, desc = "seen, and then not; or another entry")
@State
public class ReaderSeesTheStore {
    private static final long MIDDLE = TwoLeaves.first(6) + 4;

    private final Cells cells = new Cells();
    private final Reader<Integer> reader = cells.tree.reader();

    public ReaderSeesTheStore() {
        reader.get(MIDDLE);
    }

    @Actor
    public void writer() {
        cells.tree.store(MIDDLE, MIDDLE + 3, 100);
    }

    @Actor
    public void reader(II_Result r) {
        int seen = Cells.orNothing(cells.tree.get(MIDDLE));
        int again = Cells.orNothing(reader.get(MIDDLE));
        r.r1 = seen == 100 && again != 100 ? Cells.NOTHING : seen;
        r.r2 = Cells.orNothing(reader.get(TwoLeaves.first(8)));
    }
}
