// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave;

import dev.samara.core.interleave.failure.FailureKind;
import dev.samara.core.interleave.failure.FailurePoints;
import dev.samara.core.interleave.failure.Injection;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Sweeps all operations alone with all kinds of failures, and prints a table. */
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

    /** The arguments: a part of the names of operations, and of kinds of failures. */
    public static void main(String[] arguments) {
        String part = arguments.length > 0 ? arguments[0] : "";
        String kinds = arguments.length > 1 ? arguments[1] : "";
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
        run.failures.forEach(run.out::println);
        run.out.println("failures: " + run.passed + " passed, " + run.failed + " failed");
        System.exit(run.failures.isEmpty() ? 0 : 1);
    }
}
