// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.interleave.instrument.Planting;
import dev.samara.interleave.instrument.SourceBreak;
import java.util.List;

/** Mutants that let runs outlive their page. */
final class RunBreaks {
    private static final String RUN = "dev.samara.core.internal.guest.GuestRun";

    private RunBreaks() {}

    /** Returns a mutant that treats a run as valid while its CPU is in GUEST. */
    private static Planting afterPoll() {
        return SourceBreak.of(RUN, " && of.processor().drops() == drops;", ";");
    }

    /**
     * Returns a mutant in which the CPU leaves GUEST after the translation, as a fault on a second page would make it
     * leave.
     */
    private static Planting afterGuest() {
        return SourceBreak.of(
                RUN,
                "int bytes = extent(of, store, from, found, most);",
                "of.leave(true);\n        of.enter();\n        int bytes = extent(of, store, from, found, most);");
    }

    static final List<PlantedBreak> ALL = List.of(
            PlantedBreak.of(
                    "a run outlives a truncation after a poll",
                    RunScenarios.Truncation.class,
                    1,
                    PlantedBreak.found(23, "200 and more"),
                    afterPoll()),
            PlantedBreak.of(
                    "a run outlives an eviction after a poll",
                    RunScenarios.Eviction.class,
                    1,
                    PlantedBreak.found(23, "200 and more"),
                    afterPoll()),
            PlantedBreak.of(
                    "a run outlives a copy on write after a poll",
                    RunScenarios.CopyOnWrite.class,
                    1,
                    PlantedBreak.found(27, "200 and more"),
                    afterPoll()),
            PlantedBreak.of(
                    "a run is found before its CPU leaves GUEST, beside a truncation",
                    RunScenarios.Truncation.class,
                    1,
                    PlantedBreak.found(4, "200 and more"),
                    afterGuest()),
            PlantedBreak.of(
                    "a run is found before its CPU leaves GUEST, beside an eviction",
                    RunScenarios.Eviction.class,
                    1,
                    PlantedBreak.found(4, "200 and more"),
                    afterGuest()),
            PlantedBreak.of(
                    "a run is found before its CPU leaves GUEST, beside a copy on write",
                    RunScenarios.CopyOnWrite.class,
                    1,
                    PlantedBreak.found(55, "200 and more"),
                    afterGuest()));
}
