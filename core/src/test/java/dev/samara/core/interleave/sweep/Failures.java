// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.sweep;

import dev.samara.core.interleave.failure.FailureKind;
import dev.samara.core.interleave.failure.FailurePoints;
import dev.samara.core.interleave.failure.Injection;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.TimeUnit;

/** Sweeps all operations alone with all kinds of failures, draws pairs of them, and prints a table. */
final class Failures {
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

    /** Draws pairs of operations and failures until the time is over. */
    private void drawPairs(long seconds, long seed, List<String> kinds) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        Random random = new Random(seed);
        List<FailureKind> failing = List.of(FailureKind.values());
        FailureSweep sweep = new FailureSweep(1);
        int scenarios = 0;
        int runs = 0;
        while (System.nanoTime() < end) {
            String one = kinds.get(random.nextInt(kinds.size()));
            String other = kinds.get(random.nextInt(kinds.size()));
            if (one.equals("in-guest") && other.equals("guest")) {
                // The second one waits for the first one's CPU before the operations begin.
                continue;
            }
            String pair = one + '+' + other;
            FailureKind kind = failing.get(random.nextInt(failing.size()));
            FailureSweep.Result result = sweep.draw(pair, kind, random, 4);
            scenarios++;
            runs += result.runs();
            failures.addAll(result.failures());
            if (result.failures().isEmpty()) {
                passed++;
            } else {
                failed++;
            }
        }
        out.printf(Locale.ROOT, "pairs, seed %d: %d pairs with a failure, %d runs%n", seed, scenarios, runs);
    }

    /**
     * The arguments: the time of pairs in seconds, their seed, and if wanted a part of the names of operations and one
     * of those of failures.
     */
    public static void main(String[] arguments) {
        String part = arguments.length > 2 ? arguments[2] : "";
        String kinds = arguments.length > 3 ? arguments[3] : "";
        List<String> scenarios = FailureKinds.names().stream()
                .filter(name -> name.contains(part))
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
        for (FailureKind kind : FailureKind.values()) {
            if (kind.name().contains(kinds.toUpperCase(Locale.ROOT))) {
                run.sweep(kind, Injection.Scope.CALLERS, scenarios);
                if (kind != FailureKind.STACK) {
                    run.sweep(kind, Injection.Scope.MACHINE, scenarios);
                }
            }
        }
        run.drawPairs(Long.parseLong(arguments[0]), Long.parseLong(arguments[1]), scenarios);
        run.failures.forEach(run.out::println);
        run.out.println("failures: " + run.passed + " passed, " + run.failed + " failed");
        System.exit(run.failures.isEmpty() ? 0 : 1);
    }
}
