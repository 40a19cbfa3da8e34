// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.sweep;

import dev.samara.interleave.SteppedScenarios;
import dev.samara.interleave.failure.FailureKind;
import dev.samara.interleave.failure.FailurePoints;
import dev.samara.interleave.failure.Injection;
import dev.samara.interleave.instrument.SteppedClassLoader;
import dev.samara.interleave.mutant.Mutant;
import dev.samara.interleave.schedule.Exploration;
import dev.samara.interleave.schedule.Finding;
import dev.samara.interleave.schedule.Limits;
import dev.samara.interleave.schedule.Schedule;
import dev.samara.interleave.schedule.Strategy;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;

/** Runs a {@link FailureScenario} once for each failure point of a kind that its threads reach. */
final class FailureSweep {
    /** A failed step is retried after pauses of up to a second. */
    private static final Limits LIMITS = new Limits(400_000, 30_000_000_000L);

    private static final SteppedClassLoader UNCHANGED = SteppedClassLoader.failing(List.of());

    /** The points of scenarios with unchanged classes. */
    private static final Map<String, Census> UNCHANGED_POINTS = new ConcurrentHashMap<>();

    private final ClassLoader loader;
    private final int mostFailures;

    /** The points, by scenario. */
    private final Map<String, Census> points;

    /**
     * The result of a sweep.
     *
     * @param points the number of points
     * @param failures the runs that were judged wrong
     */
    record Result(int points, int runs, List<String> failures) {}

    /**
     * The points that a run without a failure reached.
     *
     * @param places the numbers of the points; for the end of the stack, the stack sizes that are too small for some
     *     methods
     */
    private record Points(FailureKind kind, Injection.Scope scope, int count, List<Integer> places) {
        static Points of(Injection counted) {
            List<Integer> places = counted.kind() == FailureKind.STACK
                    ? counted.depths().stream().map(depth -> depth - 1).toList()
                    : IntStream.rangeClosed(1, counted.points()).boxed().toList();
            return new Points(counted.kind(), counted.scope(), counted.points(), places);
        }
    }

    /**
     * The points of all kinds.
     *
     * @param failures what was judged wrong in the runs without a failure
     */
    private record Census(List<Points> points, List<String> failures) {
        Points of(FailureKind kind, Injection.Scope scope) {
            return points.stream()
                    .filter(counted -> counted.kind() == kind && counted.scope() == scope)
                    .findAny()
                    .orElseThrow();
        }
    }

    /**
     * Creates a sweep.
     *
     * @param mostFailures the number of failures after which it ends
     * @param mutants the mutants of the production classes
     */
    FailureSweep(int mostFailures, Mutant... mutants) {
        this.mostFailures = mostFailures;
        boolean isUnchanged = mutants.length == 0;
        loader = isUnchanged ? UNCHANGED : SteppedClassLoader.failing(List.of(mutants));
        points = isUnchanged ? UNCHANGED_POINTS : new HashMap<>();
    }

    Exploration exploration(String scenario) {
        return new Exploration(SteppedScenarios.supplier(FailureScenario.class, loader, scenario), LIMITS);
    }

    /** Runs a scenario in its default schedule with each failure of a kind. */
    Result sweep(String scenario, FailureKind kind, Injection.Scope scope) {
        return sweep(scenario, kind, scope, 1);
    }

    /**
     * Runs a scenario with every {@code stride}-th failure of a kind, but with at least one failure. The first one
     * depends on the scenario.
     */
    Result sweep(String scenario, FailureKind kind, Injection.Scope scope, int stride) {
        Exploration exploration = exploration(scenario);
        Census census = census(exploration, scenario);
        Points points = census.of(kind, scope);
        List<String> failures = new ArrayList<>(census.failures());
        int runs = 0;
        int size = points.places().size();
        int first = Math.floorMod(scenario.hashCode(), Math.max(1, Math.min(stride, size)));
        for (int i = first; i < size && failures.size() < mostFailures; i += stride) {
            Injection injection = new Injection(kind, scope, points.places().get(i));
            failures.addAll(run(exploration, scenario, injection));
            runs++;
        }
        return new Result(points.count(), runs, failures);
    }

    /**
     * Runs a scenario with one failure, in the default schedule and in random schedules with a preemption.
     *
     * @param random chooses the failure, and the schedules
     * @param schedules the number of random schedules
     */
    Result draw(String scenario, FailureKind kind, Random random, int schedules) {
        Exploration exploration = exploration(scenario);
        Census census = census(exploration, scenario);
        List<Integer> places = census.of(kind, Injection.Scope.CALLERS).places();
        List<String> failures = new ArrayList<>(census.failures());
        if (places.isEmpty() || !failures.isEmpty()) {
            return new Result(0, 0, failures);
        }
        int place = places.get(random.nextInt(places.size()));
        Injection injection = new Injection(kind, Injection.Scope.CALLERS, place);
        failures.addAll(run(exploration, scenario, injection));
        FailurePoints.set(injection);
        try {
            Strategy strategy = Strategy.random(random.nextInt(Integer.MAX_VALUE), 2, schedules);
            Exploration.Result result = exploration.explore(strategy, schedules);
            if (result.failure() != null) {
                failures.add(scenario + ", " + injection + ": " + result.failure());
            }
            return new Result(places.size(), 1 + result.runs(), failures);
        } finally {
            FailurePoints.set();
        }
    }

    /**
     * Counts the points of a scenario, in its second run: the first run initializes classes, and may reach other
     * points.
     */
    private Census census(Exploration exploration, String scenario) {
        return points.computeIfAbsent(scenario, any -> {
            List<Injection> counted = new ArrayList<>();
            for (FailureKind kind : FailureKind.values()) {
                for (Injection.Scope scope : Injection.Scope.values()) {
                    counted.add(new Injection(kind, scope, Injection.NEVER));
                }
            }
            Injection[] injections = counted.toArray(Injection[]::new);
            List<String> failures = new ArrayList<>(run(exploration, scenario, injections));
            if (failures.isEmpty()) {
                failures.addAll(run(exploration, scenario, injections));
            }
            return new Census(counted.stream().map(Points::of).toList(), failures);
        });
    }

    private static List<String> run(Exploration exploration, String scenario, Injection... injections) {
        FailurePoints.set(injections);
        try {
            Finding finding = exploration.run(Schedule.DEFAULT);
            if (finding != null && finding.thrown() instanceof LinkageError broken) {
                throw new IllegalStateException("the mutated code does not fit the other classes", broken);
            }
            Object injected = injections.length == 1 ? injections[0] : "no failure";
            return finding == null ? List.of() : List.of(scenario + ", " + injected + ": " + finding);
        } finally {
            FailurePoints.set();
        }
    }
}
