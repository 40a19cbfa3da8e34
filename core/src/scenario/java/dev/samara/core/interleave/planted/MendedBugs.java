// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.interleave.instrument.SourceMutant;
import java.util.List;

/** Bugs that were fixed, planted again. Each keeps an object, a thread, a link or a page table in use for too long. */
final class MendedBugs {
    private static final String CORE = "dev.samara.core.internal.";

    private MendedBugs() {}

    static final List<PlantedMutant> ALL = List.of(
            PlantedMutant.of(
                    "a VMA keeps its last operation reachable",
                    LeftoverScenarios.NarrowingBesideFork.class,
                    1,
                    PlantedMutant.found(1, "329"),
                    SourceMutant.of(
                            CORE + "space.InFlightGate",
                            "waiting = open();\n        range = null;",
                            "waiting = open();")),
            PlantedMutant.of(
                    "an asynchronous call keeps a thread while it waits",
                    LeftoverScenarios.AsyncBehindGuest.class,
                    1,
                    PlantedMutant.found(1, "3701"),
                    SourceMutant.of(CORE + "op.RetirementRun", "isOver = goOn(true);", "isOver = goOn(false);")),
            PlantedMutant.of(
                    "a lookup of a file's mappings waits for CPUs",
                    LeftoverScenarios.MappingsBesideTruncation.class,
                    1,
                    PlantedMutant.found(1, "1724 and more"),
                    SourceMutant.of(
                            CORE + "file.UnmapMapping",
                            "            found.add(link);",
                            "discard(link); discarding.finish();")));
}
