// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.pair;

import dev.samara.core.fixture.DocPage;
import java.util.EnumSet;
import java.util.Locale;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@DisplayName("docs/interleavings.md has the numbers of")
@Tag("interleave")
final class PairCountsTest {
    private final DocPage page = new DocPage("interleavings.md");

    @Test
    @DisplayName("the kinds, the basic pairs and the covering array")
    void kinds() {
        page.assertSays("`ShmKinds`): %d. They are", PairKinds.names().size());
        int pairs = Pairs.names(EnumSet.of(Combination.Relation.SAME)).size();
        page.assertSays("For %d basic kinds all %d pairs are run in each relation", Pairs.BASIC.size(), pairs);
        for (Combination.Relation relation : Combination.Relation.values()) {
            page.assertSays("| %s | %d | %d | 0 |", relation.name().toLowerCase(Locale.ROOT), pairs, pairs);
        }
        CoveringArray array = new CoveringArray(PairKinds.names());
        page.assertSays("has %,d scenarios, which stand for %,d:", array.names().size(), array.combinations());
    }

    @Test
    @DisplayName("the sets of the build")
    void sets() {
        page.assertSays(
                "%d pairs of a save, an eviction or a truncation of a file of the host with %d kinds",
                DecisionSets.ofFiles().size(), DecisionSets.BESIDE_FILES.size());
        page.assertSays(
                "%d pairs of a fault with what changes its decision",
                DecisionSets.ofFaults().size());
        page.assertSays(
                "%d triples of two calls with a CPU that polls",
                DecisionSets.ofPolls().size());
        page.assertSays("the pairs of the end of a space with %d kinds", LifetimeSets.KINDS.size());
        page.assertSays("the %d pairs of a reference", Pairs.ofReferences().size());
    }

    @Test
    @DisplayName("the sets of the profile")
    void profile() {
        page.assertSays(
                "The %d pairs of operations that affect the life of a space",
                LifetimeSets.pairs().size() / 4);
        page.assertSays(
                "at two preemptions (`-Dinterleave.set=lifetimes -Dinterleave.preemptions=2`): %d scenarios",
                LifetimeSets.pairs().size());
        page.assertSays(
                "these pairs form %,d scenarios",
                LifetimeSets.pairsWithSettings().size());
        int triples = LifetimeSets.triples().size();
        page.assertSays("form %d triples on equal ranges", triples / 4);
        page.assertSays("of all %,d scenarios", triples);
        page.assertSays("of %d scenarios found no bug", PairsRun.triples().size());
        page.assertSays("| %d triples, random schedules", PairsRun.triples().size());
    }
}
