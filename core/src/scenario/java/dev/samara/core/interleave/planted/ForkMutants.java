// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.interleave.instrument.Planting;
import dev.samara.interleave.instrument.SourceMutant;
import java.util.List;

/** Mutants by which a fork's child has memory or a layout that never existed. */
final class ForkMutants {
    private static final String CORE = "dev.samara.core.internal.";

    private ForkMutants() {}

    private static Planting in(String className, String... texts) {
        return SourceMutant.of(CORE + className, texts);
    }

    private static final String RECHECK = "VmaRecheck.of(state.layout, vma, address, true)";

    /** Returns a change that lets copies change an entry while a fork narrows entries; the text follows the check. */
    private static Planting copies(String next) {
        return in(
                "fault.CopyOnWrite",
                "state.mayChange(leaf) ? " + RECHECK + " : null;" + next,
                "Leaf.isDead(leaf) ? null : " + RECHECK + ";" + next);
    }

    private static final Planting COPIES = copies("\n            if (now == null ||");

    private static final Planting CALLS =
            in("space.LayoutState", "return copies.isEmpty() ||", "return copies.size() >= 0 ||");

    private static final String FLUSH = "            gather.invalidate();\n            for (";

    static final List<PlantedMutant> ALL = List.of(
            PlantedMutant.of(
                    "a first store does not wait for a fork",
                    ForkScenarios.FirstThenStore.class,
                    1,
                    PlantedMutant.found(152, "210"),
                    in("fault.AnonymousFault", "state.mayChange(leaf) ?", "!Leaf.isDead(leaf) ?")),
            PlantedMutant.of(
                    "a copy of the zero page does not wait for a fork",
                    ForkScenarios.ZeroThenStore.class,
                    1,
                    PlantedMutant.found(419, "524"),
                    COPIES),
            PlantedMutant.of(
                    "a copy of a shared page does not wait for a fork",
                    ForkScenarios.CopiedThenStore.class,
                    1,
                    PlantedMutant.found(461, "584"),
                    COPIES),
            PlantedMutant.of(
                    "a copy of a file's page does not wait for a fork",
                    ForkScenarios.FilePageThenStore.class,
                    1,
                    PlantedMutant.found(785, "886"),
                    copies("\n                if (now != null")),
            PlantedMutant.of(
                    "a fork ends its section before it flushes",
                    ForkScenarios.SharedThenStore.class,
                    1,
                    PlantedMutant.found(82, "185"),
                    in("op.CopyPageTables", FLUSH, "parent.pages().setForking(null);" + FLUSH)),
            PlantedMutant.of(
                    "the section of a fork begins after the walk",
                    ForkScenarios.FirstThenStore.class,
                    1,
                    PlantedMutant.found(160, "210"),
                    in("op.CopyPageTables", "        beginSection();\n", "", FLUSH, "beginSection();" + FLUSH)),
            PlantedMutant.of(
                    "a mapping does not wait for a fork",
                    ForkScenarios.MapThenStore.class,
                    1,
                    PlantedMutant.found(107, "181"),
                    CALLS),
            PlantedMutant.of(
                    "a discard does not wait for a fork",
                    ForkScenarios.DiscardThenStore.class,
                    1,
                    PlantedMutant.found(297, "415"),
                    CALLS),
            PlantedMutant.of(
                    "an mprotect does not wait for a fork",
                    ForkScenarios.ProtectThenStore.class,
                    1,
                    PlantedMutant.found(231, "345"),
                    CALLS),
            PlantedMutant.of(
                    "the growth of a stack does not wait for a fork",
                    ForkScenarios.GrowthThenStore.class,
                    1,
                    PlantedMutant.found(1045, "1081"),
                    CALLS));
}
