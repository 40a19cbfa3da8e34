// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.sweep;

import dev.samara.core.interleave.failure.FailureKind;
import dev.samara.core.interleave.failure.FailurePoints;
import dev.samara.core.interleave.failure.Injection;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/** Sweeps all operations alone with all kinds of failures, then pairs of them, and prints a table. */
final class Failures {
    /** The failures of which each one is made in each pair. */
    private static final List<FailureKind> OF_PAIRS =
            List.of(FailureKind.ALLOCATION, FailureKind.INTERRUPT, FailureKind.CLOCK_STOPS, FailureKind.CLOCK_LEAPS);

    private final PrintStream out;
    private final List<String> failures = new ArrayList<>();
    private int passed;
    private int failed;

    private Failures(PrintStream out) {
        this.out = out;
    }

    private void sweep(FailureKind kind, Injection.Scope scope, List<String> scenarios) {
        long begun = System.nanoTime();
        FailureSweep sweep = new FailureSweep(3);
        int points = 0;
        int runs = 0;
        for (String scenario : scenarios) {
            FailureSweep.Result result = sweep.sweep(scenario, kind, scope);
            points += result.points();
            runs += result.runs();
            failures.addAll(result.failures());
            if (result.failures().isEmpty()) {
                passed++;
            } else {
                failed++;
            }
        }
        out.printf(
                Locale.ROOT,
                "%-20s %-8s %9d %8d %8d %6d of %6d %8.1f%n",
                kind,
                scope,
                scenarios.size(),
                points,
                runs,
                FailurePoints.reached(kind).size(),
                FailurePoints.known(kind).size(),
                (System.nanoTime() - begun) / 1e9);
    }

    /** Names all pairs of operations on one ground. First come those of which one waits for the other one's CPU. */
    private static List<String> pairs(List<String> kinds) {
        Set<String> pairs = new LinkedHashSet<>();
        if (kinds.contains(FailureKinds.STAYS)) {
            kinds.stream()
                    .filter(kind -> !FailureKinds.of(kind).waitsBefore())
                    .forEach(kind -> pairs.add(FailureKinds.STAYS + '+' + kind));
        }
        for (int i = 0; i < kinds.size(); i++) {
            for (int j = i; j < kinds.size(); j++) {
                FailureKinds.Kind one = FailureKinds.of(kinds.get(i));
                FailureKinds.Kind other = FailureKinds.of(kinds.get(j));
                // A second one that waits for the first one's CPU before the operations begin cannot begin.
                if (one.ground() == other.ground() && !(one.isInGuest() && other.waitsBefore())) {
                    pairs.add(kinds.get(i) + '+' + kinds.get(j));
                }
            }
        }
        return List.copyOf(pairs);
    }

    /**
     * Sweeps pairs of operations in order until the time is over: each failure of {@link #OF_PAIRS} in the default
     * schedule, and one that is drawn by the seed in schedules with a preemption.
     *
     * @param first the number of the first pair
     */
    private void sweepPairs(long seconds, long seed, int first, List<String> kinds, List<FailureKind> all) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        List<String> pairs = pairs(kinds);
        List<FailureKind> swept = all.stream().filter(OF_PAIRS::contains).toList();
        int points = 0;
        int runs = 0;
        int complete = 0;
        for (int i = first; i < pairs.size() && System.nanoTime() < end; i++) {
            FailureSweep sweep = new FailureSweep(1);
            Random random = new Random(seed + i);
            List<String> found = new ArrayList<>();
            for (FailureKind kind : swept) {
                for (Injection.Scope scope : Injection.Scope.values()) {
                    FailureSweep.Result result = sweep.sweep(pairs.get(i), kind, scope);
                    points += result.points();
                    runs += result.runs();
                    found.addAll(result.failures());
                }
            }
            FailureKind drawn = all.get(random.nextInt(all.size()));
            FailureSweep.Result result = sweep.draw(pairs.get(i), drawn, random, 4);
            runs += result.runs();
            found.addAll(result.failures());
            complete++;
            failures.addAll(found);
            if (found.isEmpty()) {
                passed++;
            } else {
                failed++;
            }
        }
        out.printf(
                Locale.ROOT,
                "pairs from %d on, seed %d: %d of %d pairs complete, %d points, %d runs%n",
                first,
                seed,
                complete,
                pairs.size(),
                points,
                runs);
    }

    /**
     * The arguments: the time of pairs in seconds, their seed, the number of the first pair, and if wanted a regular
     * expression that the names of operations contain and a part of those of failures.
     */
    public static void main(String[] arguments) {
        Pattern names = Pattern.compile(arguments.length > 3 ? arguments[3] : "");
        String part = arguments.length > 4 ? arguments[4] : "";
        List<FailureKind> kinds = Arrays.stream(FailureKind.values())
                .filter(kind -> kind.name().contains(part))
                .toList();
        List<String> scenarios = FailureKinds.names().stream()
                .filter(name -> names.matcher(name).find())
                .toList();
        Failures run = new Failures(System.out);
        run.out.printf(
                Locale.ROOT,
                "%-20s %-8s %9s %8s %8s %16s %8s%n",
                "failure",
                "threads",
                "scenarios",
                "points",
                "runs",
                "places reached",
                "s");
        for (FailureKind kind : kinds) {
            run.sweep(kind, Injection.Scope.CALLERS, scenarios);
            if (kind != FailureKind.STACK) {
                run.sweep(kind, Injection.Scope.MACHINE, scenarios);
            }
        }
        run.sweepPairs(
                Long.parseLong(arguments[0]),
                Long.parseLong(arguments[1]),
                Integer.parseInt(arguments[2]),
                scenarios,
                kinds);
        run.failures.forEach(run.out::println);
        run.out.println("failures: " + run.passed + " passed, " + run.failed + " failed");
        System.exit(run.failures.isEmpty() ? 0 : 1);
    }
}
