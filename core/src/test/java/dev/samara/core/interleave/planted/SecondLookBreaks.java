// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.interleave.instrument.Planting;
import dev.samara.core.interleave.instrument.SourceBreak;
import java.util.List;

/** Second looks that are left out, and marks that are set too late. */
final class SecondLookBreaks {
    private static final String CORE = "dev.samara.core.internal.";

    private SecondLookBreaks() {}

    private static Planting in(String className, String... texts) {
        return SourceBreak.of(CORE + className, texts);
    }

    static final List<PlantedBreak> ALL = List.of(
            PlantedBreak.of(
                    "a sole page becomes writable for the VMA of the lookup",
                    SecondLookScenarios.ReuseBesideNarrowing.class,
                    1,
                    in(
                            "fault.CopyOnWrite",
                            "            VmArea now = StandingVma.of(faulter.layout, vma, address, true);\n",
                            "VmArea now = vma;")),
            PlantedBreak.of(
                    "an entry gets a right of the VMA of the lookup",
                    SecondLookScenarios.WidenBesideNarrowing.class,
                    1,
                    in(
                            "fault.Faulter",
                            "Leaf.isDead(leaf) ? null : StandingVma.of(layout, vma, address, false);",
                            "vma;")),
            PlantedBreak.of(
                    "a page is unpinned before it has the mark of a failed write",
                    SecondLookScenarios.EvictionBesideFailedWrite.class,
                    1,
                    in(
                            "file.WriteBackBatch",
                            "    void end() {\n",
                            "    void end() { for (int i = 0; i < pinned; i++) { frames.unpin(taken[i]); }\n",
                            "        while (pinned > 0) {\n            frames.unpin(taken[--pinned]);\n        }\n",
                            "pinned = 0;\n")));
}
