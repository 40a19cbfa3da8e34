// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.sweep;

import dev.samara.core.interleave.failure.FailureKind;
import dev.samara.core.interleave.failure.FailurePoints;
import dev.samara.core.interleave.failure.Injection;
import dev.samara.core.interleave.instrument.Planting;
import dev.samara.core.interleave.instrument.SteppedClassLoader;
import dev.samara.core.interleave.scenario.SteppedScenarios;
import dev.samara.core.interleave.schedule.Exploration;
import dev.samara.core.interleave.schedule.Finding;
import dev.samara.core.interleave.schedule.Limits;
import dev.samara.core.interleave.schedule.Schedule;
import dev.samara.core.interleave.schedule.Strategy;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Runs a {@link FailureScenario} once for each point of a kind that its threads reach. */
final class FailureSweep {
    /** A failed step is tried again after pauses of up to a second. */
    private static final Limits LIMITS = new Limits(400_000, 30_000_000_000L);

    private static final SteppedClassLoader UNCHANGED = SteppedClassLoader.failing(List.of());

    /** The scenarios that have run with unchanged classes. */
    private static final Set<String> RUN_UNCHANGED = ConcurrentHashMap.newKeySet();

    private final ClassLoader loader;
    private final int mostFailures;

    /** The scenarios that have run with the classes of this sweep. */
    private final Set<String> run;

    /**
     * The end of a sweep.
     *
     * @param points the number of points
     * @param failures the runs that were judged wrong
     */
    record Result(int points, int runs, List<String> failures) {}

    /**
     * Makes a sweep.
     *
     * @param mostFailures the number of failures after which it ends
     * @param breaks the breaks of the production classes
     */
    FailureSweep(int mostFailures, Planting... breaks) {
        this.mostFailures = mostFailures;
        boolean isUnchanged = breaks.length == 0;
        loader = isUnchanged ? UNCHANGED : SteppedClassLoader.failing(List.of(breaks));
        run = isUnchanged ? RUN_UNCHANGED : new HashSet<>();
    }

    Exploration exploration(String scenario) {
        return new Exploration(SteppedScenarios.supplier(FailureScenario.class, loader, scenario), LIMITS);
    }

    /** Runs a scenario in its default schedule with each failure of a kind. */
    Result sweep(String scenario, FailureKind kind, Injection.Scope scope) {
        return sweep(scenario, kind, scope, 1);
    }

    /** Runs a scenario with one of so many failures of a kind. The first one depends on the scenario. */
    Result sweep(String scenario, FailureKind kind, Injection.Scope scope, int stride) {
        Exploration exploration = exploration(scenario);
        List<String> failures = new ArrayList<>();
        Injection none = counted(exploration, kind, scope, scenario, failures);
        int runs = 0;
        List<Integer> places = places(none);
        int first = Math.floorMod(scenario.hashCode(), stride);
        for (int i = first; i < places.size() && failures.size() < mostFailures; i += stride) {
            run(exploration, new Injection(kind, scope, places.get(i)), scenario, failures);
            runs++;
        }
        return new Result(none.points(), runs, failures);
    }

    /**
     * Runs a scenario with one failure, in the default schedule and in random ones with a preemption.
     *
     * @param random chooses the failure, and the schedules
     * @param schedules the number of random schedules
     */
    Result draw(String scenario, FailureKind kind, Random random, int schedules) {
        Exploration exploration = exploration(scenario);
        List<String> failures = new ArrayList<>();
        Injection none = counted(exploration, kind, Injection.Scope.CALLERS, scenario, failures);
        List<Integer> places = places(none);
        if (places.isEmpty()) {
            return new Result(0, 0, failures);
        }
        int place = places.get(random.nextInt(places.size()));
        Injection injection = new Injection(kind, Injection.Scope.CALLERS, place);
        run(exploration, injection, scenario, failures);
        FailurePoints.set(injection);
        try {
            Strategy strategy = Strategy.random(random.nextInt(Integer.MAX_VALUE), 2, schedules);
            Exploration.Result result = exploration.explore(strategy, schedules);
            if (result.failure() != null) {
                failures.add(scenario + ", " + injection + ": " + result.failure());
            }
            return new Result(none.points(), 1 + result.runs(), failures);
        } finally {
            FailurePoints.set(null);
        }
    }

    /** Counts the points of a scenario. Its first run initializes classes, and may have others. */
    private Injection counted(
            Exploration exploration, FailureKind kind, Injection.Scope scope, String scenario, List<String> failures) {
        Injection none = new Injection(kind, scope, Injection.NEVER);
        if (run.add(scenario)) {
            run(exploration, none, scenario, failures);
        }
        run(exploration, none, scenario, failures);
        return none;
    }

    /** The numbers of the points; for the end of the stack the sizes for which some methods do not fit. */
    static List<Integer> places(Injection counted) {
        if (counted.kind() == FailureKind.STACK) {
            return counted.depths().stream().map(depth -> depth - 1).toList();
        }
        List<Integer> places = new ArrayList<>();
        for (int i = 1; i <= counted.points(); i++) {
            places.add(i);
        }
        return places;
    }

    private static void run(Exploration exploration, Injection injection, String scenario, List<String> failures) {
        FailurePoints.set(injection);
        try {
            Finding finding = exploration.run(Schedule.DEFAULT);
            if (finding != null) {
                failures.add(scenario + ", " + injection + ": " + finding);
            }
        } finally {
            FailurePoints.set(null);
        }
    }
}
