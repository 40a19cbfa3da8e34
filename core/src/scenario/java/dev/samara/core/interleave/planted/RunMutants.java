// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.interleave.instrument.Planting;
import dev.samara.interleave.instrument.SourceMutant;
import java.util.List;

/** Mutants that let runs outlive their page. */
final class RunMutants {
    private static final String RUN = "dev.samara.core.internal.guest.GuestRun";

    private RunMutants() {}

    /** Returns a mutant that treats a run as valid while its CPU is in GUEST. */
    private static Planting afterPoll() {
        return SourceMutant.of(RUN, " && of.processor().drops() == drops;", ";");
    }

    /**
     * Returns a mutant in which the CPU leaves GUEST after the translation, as a fault on a second page would make it
     * leave.
     */
    private static Planting afterGuest() {
        return SourceMutant.of(
                RUN,
                "int bytes = extent(of, store, from, found, most);",
                "of.leave(true);\n        of.enter();\n        int bytes = extent(of, store, from, found, most);");
    }

    static final List<PlantedMutant> ALL = List.of(
            PlantedMutant.of(
                    "a run outlives a truncation after a poll",
                    RunScenarios.Truncation.class,
                    1,
                    PlantedMutant.found(23, "200 and more"),
                    afterPoll()),
            PlantedMutant.of(
                    "a run outlives an eviction after a poll",
                    RunScenarios.Eviction.class,
                    1,
                    PlantedMutant.found(23, "200 and more"),
                    afterPoll()),
            PlantedMutant.of(
                    "a run outlives a copy on write after a poll",
                    RunScenarios.CopyOnWrite.class,
                    1,
                    PlantedMutant.found(27, "200 and more"),
                    afterPoll()),
            PlantedMutant.of(
                    "a run is found before its CPU leaves GUEST, beside a truncation",
                    RunScenarios.Truncation.class,
                    1,
                    PlantedMutant.found(4, "200 and more"),
                    afterGuest()),
            PlantedMutant.of(
                    "a run is found before its CPU leaves GUEST, beside an eviction",
                    RunScenarios.Eviction.class,
                    1,
                    PlantedMutant.found(4, "200 and more"),
                    afterGuest()),
            PlantedMutant.of(
                    "a run is found before its CPU leaves GUEST, beside a copy on write",
                    RunScenarios.CopyOnWrite.class,
                    1,
                    PlantedMutant.found(55, "200 and more"),
                    afterGuest()));
}
