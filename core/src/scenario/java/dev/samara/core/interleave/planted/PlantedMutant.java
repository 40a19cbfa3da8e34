// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.interleave.SteppedScenarios;
import dev.samara.interleave.instrument.Planting;
import dev.samara.interleave.schedule.Deadline;
import dev.samara.interleave.schedule.Exploration;
import dev.samara.interleave.schedule.Finding;
import dev.samara.interleave.schedule.Scenario;
import dev.samara.interleave.schedule.Strategy;

/**
 * A mutant of production code, and how it is searched for. The tables of docs/interleavings.md are generated from these
 * records.
 *
 * @param name what the mutant does, after the number of the rule that it breaks if the rule has a number
 * @param scenario the scenario that can find it
 * @param mode how schedules are chosen
 * @param preemptions the maximum number of preemptions in a schedule
 * @param figures the result of a search, for a row of a table
 * @param planting plants the mutant
 */
record PlantedMutant(
        String name,
        Class<? extends Scenario> scenario,
        Mode mode,
        int preemptions,
        Figures figures,
        Planting planting) {
    /**
     * The numbers of schedules of a search on some machine.
     *
     * @param schedules the number up to the first failure
     * @param unchanged the number for the unchanged code, with "and more" if there are others; "" if they were not
     *     counted
     */
    record Figures(int schedules, String unchanged) {}

    /** The ways in which schedules are chosen. */
    enum Mode {
        /** All schedules with few preemptions. */
        ORDERED,
        /** All schedules with few preemptions, in which store buffers delay stores. */
        BUFFERED,
        /** Random priorities. */
        RANDOM
    }

    /** Returns the result of a search, for a row of a table. */
    static Figures found(int schedules, String unchanged) {
        return new Figures(schedules, unchanged);
    }

    /** Returns a mutant that some order of steps reveals. */
    static PlantedMutant of(
            String name, Class<? extends Scenario> scenario, int preemptions, Figures figures, Planting planting) {
        return new PlantedMutant(name, scenario, Mode.ORDERED, preemptions, figures, planting);
    }

    /** Returns a mutant that only delayed stores reveal. */
    static PlantedMutant buffered(
            String name, Class<? extends Scenario> scenario, int preemptions, Figures figures, Planting planting) {
        return new PlantedMutant(name, scenario, Mode.BUFFERED, preemptions, figures, planting);
    }

    /** Returns a mutant that needs an early preemption in a long call, which random priorities reach sooner. */
    static PlantedMutant random(
            String name, Class<? extends Scenario> scenario, int preemptions, Figures figures, Planting planting) {
        return new PlantedMutant(name, scenario, Mode.RANDOM, preemptions, figures, planting);
    }

    /** Explores the scenario with the mutant. */
    Exploration.Result broken(int most, Deadline deadline) {
        return explore(most, deadline, planting);
    }

    /** Explores the scenario without the mutant. */
    Exploration.Result unchanged(int most, Deadline deadline) {
        return explore(most, deadline);
    }

    private Exploration.Result explore(int most, Deadline deadline, Planting... mutants) {
        Exploration exploration = mode == Mode.BUFFERED
                ? SteppedScenarios.exploreBuffered(scenario, mutants)
                : SteppedScenarios.explore(scenario, mutants);
        Strategy strategy =
                mode == Mode.RANDOM ? Strategy.random(1, preemptions + 1, most) : Strategy.bounded(preemptions);
        return exploration.explore(strategy, most, deadline);
    }

    /** Returns whether a failure is caused by the mutant, and not by the planting. */
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
