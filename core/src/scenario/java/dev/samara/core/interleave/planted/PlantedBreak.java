// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.interleave.SteppedScenarios;
import dev.samara.interleave.instrument.Planting;
import dev.samara.interleave.schedule.Deadline;
import dev.samara.interleave.schedule.Exploration;
import dev.samara.interleave.schedule.Finding;
import dev.samara.interleave.schedule.Scenario;
import dev.samara.interleave.schedule.Strategy;
import org.jspecify.annotations.Nullable;

/**
 * A break of production code, and how it is searched for. The tables of docs/interleavings.md are generated from these.
 *
 * @param name what the broken code does, after the number of the rule that it breaks if that has one
 * @param scenario the scenario that can find it
 * @param mode how schedules are chosen
 * @param preemptions the maximum number of preemptions in a schedule
 * @param figures the result of a search; null if the tables contain no row for it
 * @param planting plants the break
 */
record PlantedBreak(
        String name,
        Class<? extends Scenario> scenario,
        Mode mode,
        int preemptions,
        @Nullable Figures figures,
        Planting planting) {
    /**
     * The schedules of a search on some machine.
     *
     * @param schedules up to the first failure
     * @param unchanged of the unchanged code: a number, with "and more" if there are others; "" if they were not
     *     counted
     */
    record Figures(int schedules, String unchanged) {}

    /** The ways in which schedules are chosen. */
    enum Mode {
        /** All schedules with few preemptions. */
        ORDERED,
        /** All schedules with few preemptions, in which stores wait in store buffers. */
        BUFFERED,
        /** Random priorities. */
        RANDOM
    }

    /** What a search has found, for a row of a table. */
    static Figures found(int schedules, String unchanged) {
        return new Figures(schedules, unchanged);
    }

    /** A break that is found by the order of steps. */
    static PlantedBreak of(
            String name, Class<? extends Scenario> scenario, int preemptions, Figures figures, Planting planting) {
        return new PlantedBreak(name, scenario, Mode.ORDERED, preemptions, figures, planting);
    }

    /** A break that is found by the order of steps, without a row in a table. */
    static PlantedBreak of(String name, Class<? extends Scenario> scenario, int preemptions, Planting planting) {
        return new PlantedBreak(name, scenario, Mode.ORDERED, preemptions, null, planting);
    }

    /** A break that only stores seen late show. */
    static PlantedBreak buffered(
            String name, Class<? extends Scenario> scenario, int preemptions, Figures figures, Planting planting) {
        return new PlantedBreak(name, scenario, Mode.BUFFERED, preemptions, figures, planting);
    }

    /** A break that needs an early preemption of a long call, which random priorities meet sooner. */
    static PlantedBreak random(
            String name, Class<? extends Scenario> scenario, int preemptions, Figures figures, Planting planting) {
        return new PlantedBreak(name, scenario, Mode.RANDOM, preemptions, figures, planting);
    }

    /** Explores the scenario with the break. */
    Exploration.Result broken(int most, Deadline deadline) {
        return explore(most, deadline, planting);
    }

    /** Explores the scenario without the break. */
    Exploration.Result unchanged(int most, Deadline deadline) {
        return explore(most, deadline);
    }

    private Exploration.Result explore(int most, Deadline deadline, Planting... breaks) {
        Exploration exploration = mode == Mode.BUFFERED
                ? SteppedScenarios.exploreBuffered(scenario, breaks)
                : SteppedScenarios.explore(scenario, breaks);
        Strategy strategy =
                mode == Mode.RANDOM ? Strategy.random(1, preemptions + 1, most) : Strategy.bounded(preemptions);
        return exploration.explore(strategy, most, deadline);
    }

    /** Whether a failure is one of the broken code, and not of the planting. */
    static boolean isFinding(Exploration.Failure failure) {
        Finding finding = failure.finding();
        Throwable thrown = finding.thrown();
        return switch (finding.kind()) {
            case STUCK, ENDLESS -> true;
            case NOT_DETERMINISTIC -> false;
            case THROWN -> thrown instanceof AssertionError || thrown instanceof RuntimeException;
        };
    }

    @Override
    public String toString() {
        return name;
    }
}
