// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.sweep;

import dev.samara.interleave.failure.FailureKind;
import dev.samara.interleave.failure.FailurePoints;
import dev.samara.interleave.failure.Injection;
import dev.samara.interleave.schedule.Deadline;
import dev.samara.interleave.schedule.ProfilePart;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;

/** Sweeps all single operations with all kinds of failures, then pairs of operations, and prints a table. */
public final class Failures implements ProfilePart {
    private static final List<FailureKind> KINDS = List.of(FailureKind.values());

    /** The kinds of failures that are all injected into each pair. */
    private static final List<FailureKind> OF_PAIRS =
            List.of(FailureKind.ALLOCATION, FailureKind.INTERRUPT, FailureKind.CLOCK_STOPS, FailureKind.CLOCK_LEAPS);

    /** An operation with all failures of one kind. */
    private record Single(String scenario, FailureKind kind, Injection.Scope scope) {}

    /** The figures of one kind of failures. */
    private static final class Row {
        private int scenarios;
        private int points;
        private int runs;
        private double seconds;
    }

    private final List<Single> singles = new ArrayList<>();
    private final List<String> pairs = pairs(FailureKinds.names());
    private final long seed;
    private final int first;

    private final List<String> failures = new ArrayList<>();
    private int begunSingles;
    private int begunPairs;
    private int passed;
    private int failed;

    /**
     * Creates a sweep.
     *
     * @param seed chooses one failure of each pair, and its schedules
     * @param first the number of the first pair
     * @param order chooses the order of operations that run alone
     */
    public Failures(long seed, int first, Random order) {
        this.seed = seed;
        this.first = first;
        for (FailureKind kind : KINDS) {
            for (Injection.Scope scope : Injection.Scope.values()) {
                if (scope == Injection.Scope.CALLERS || kind != FailureKind.STACK) {
                    alone().forEach(name -> singles.add(new Single(name, kind, scope)));
                }
            }
        }
        Collections.shuffle(singles, order);
    }

    /**
     * Returns the names of the operations. If each operation divides its layout, they also run in a layout that is
     * divided at the start.
     */
    private static List<String> alone() {
        List<String> names = new ArrayList<>(FailureKinds.names());
        if (Boolean.getBoolean("samara.divided")) {
            FailureKinds.names().forEach(name -> names.add(name + FailureScenario.DIVIDED));
        }
        return names;
    }

    @Override
    public void run(Deadline deadline, PrintStream out) {
        sweepSingles(deadline, out);
        sweepPairs(deadline, out);
        failures.forEach(out::println);
    }

    private void sweepSingles(Deadline deadline, PrintStream out) {
        Map<Injection.Scope, Map<FailureKind, Row>> rows = new EnumMap<>(Injection.Scope.class);
        FailureSweep sweep = new FailureSweep(3);
        for (Single single : singles) {
            if (deadline.isOver()) {
                break;
            }
            long begun = System.nanoTime();
            FailureSweep.Result result = sweep.sweep(single.scenario(), single.kind(), single.scope());
            Row row = rows.computeIfAbsent(single.scope(), any -> new EnumMap<>(FailureKind.class))
                    .computeIfAbsent(single.kind(), any -> new Row());
            row.scenarios++;
            row.points += result.points();
            row.runs += result.runs();
            row.seconds += (System.nanoTime() - begun) / 1e9;
            note(result.failures(), false);
        }
        out.printf(
                Locale.ROOT,
                "%-20s %-8s %9s %8s %8s %16s %8s%n",
                "failure",
                "threads",
                "scenarios",
                "points",
                "runs",
                "places reached",
                "s");
        rows.forEach((scope, ofScope) -> ofScope.forEach((kind, row) -> out.printf(
                Locale.ROOT,
                "%-20s %-8s %9d %8d %8d %6d of %6d %8.1f%n",
                kind,
                scope,
                row.scenarios,
                row.points,
                row.runs,
                FailurePoints.reached(kind).size(),
                FailurePoints.known(kind).size(),
                row.seconds)));
    }

    private synchronized void note(List<String> found, boolean isPair) {
        failures.addAll(found);
        if (isPair) {
            begunPairs++;
        } else {
            begunSingles++;
        }
        if (found.isEmpty()) {
            passed++;
        } else {
            failed++;
        }
    }

    /**
     * Returns the names of all pairs of operations on one ground. The first pairs are those in which one operation
     * waits for the other one's CPU.
     */
    static List<String> pairs(List<String> kinds) {
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
                // If the second operation must first wait for the first one's CPU, the operations cannot start.
                if (one.ground() == other.ground() && !(one.isInGuest() && other.waitsBefore())) {
                    pairs.add(kinds.get(i) + '+' + kinds.get(j));
                }
            }
        }
        return List.copyOf(pairs);
    }

    /**
     * Sweeps pairs of operations in order until the time is over: each failure of {@link #OF_PAIRS} in the default
     * schedule, and one failure, which the seed chooses, also in schedules with a preemption.
     */
    private void sweepPairs(Deadline deadline, PrintStream out) {
        int points = 0;
        int runs = 0;
        for (int i = first; i < pairs.size() && !deadline.isOver(); i++) {
            FailureSweep sweep = new FailureSweep(1);
            Random random = new Random(seed + i);
            List<String> found = new ArrayList<>();
            for (FailureKind kind : OF_PAIRS) {
                for (Injection.Scope scope : Injection.Scope.values()) {
                    FailureSweep.Result result = sweep.sweep(pairs.get(i), kind, scope);
                    points += result.points();
                    runs += result.runs();
                    found.addAll(result.failures());
                }
            }
            FailureKind drawn = KINDS.get(random.nextInt(KINDS.size()));
            FailureSweep.Result result = sweep.draw(pairs.get(i), drawn, random, 4);
            runs += result.runs();
            found.addAll(result.failures());
            note(found, true);
        }
        out.printf(Locale.ROOT, "pairs from %d on, seed %d: %d points, %d runs%n", first, seed, points, runs);
    }

    @Override
    public synchronized String progress() {
        return String.format(
                Locale.ROOT,
                "failures: %d of %d operations alone, %d of %d pairs, %d wrong",
                begunSingles,
                singles.size(),
                begunPairs,
                pairs.size(),
                failed);
    }

    @Override
    public synchronized int passed() {
        return passed;
    }

    @Override
    public synchronized int failed() {
        return failed;
    }

    @Override
    public synchronized boolean isComplete() {
        return begunSingles == singles.size() && begunPairs == pairs.size();
    }
}
