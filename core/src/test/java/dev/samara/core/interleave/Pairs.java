// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave;

import dev.samara.core.interleave.PairScenario.Relation;
import dev.samara.core.interleave.schedule.Exploration;
import dev.samara.core.interleave.schedule.Strategy;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** Explores all pairs of kinds, and prints a table. */
final class Pairs {
    /** The figures of the scenarios with one kind of range, or with one kind of operation. */
    private static final class Row {
        int scenarios;
        int complete;
        long schedules;
        long steps;
        double seconds;

        void add(Exploration.Result result) {
            scenarios++;
            complete += result.isComplete() ? 1 : 0;
            schedules += result.runs();
            steps += result.steps();
            seconds += result.nanos() / 1e9;
        }
    }

    private static final int MOST = 1_000_000;

    private final Supplier<Strategy> strategies;
    private final int most;
    private long seconds;
    private final Map<String, Row> rows = new LinkedHashMap<>();
    private final List<String> failures = new ArrayList<>();
    private int passed;

    /**
     * Makes an exploration of pairs.
     *
     * @param strategies makes the strategy of a scenario
     * @param most the most schedules of a scenario
     * @param seconds the longest time of a scenario
     */
    Pairs(Supplier<Strategy> strategies, int most, long seconds) {
        this.strategies = strategies;
        this.most = most;
        this.seconds = seconds;
    }

    /** The names of all pairs of some relations. */
    static List<String> names(Collection<Relation> relations) {
        List<String> names = new ArrayList<>();
        List<String> kinds = PairKinds.names();
        for (Relation relation : relations) {
            for (int i = 0; i < kinds.size(); i++) {
                for (int j = i; j < kinds.size(); j++) {
                    names.add(PairScenario.nameOf(kinds.get(i), relation, kinds.get(j)));
                }
            }
        }
        return names;
    }

    /** Explores a scenario; returns whether nothing was found. */
    boolean explore(String name) {
        Exploration.Result result = SteppedScenarios.explorePair(name).explore(strategies.get(), most, seconds);
        String[] parts = name.split("/", -1);
        rows.computeIfAbsent(parts[0], any -> new Row()).add(result);
        rows.computeIfAbsent(parts[1].toLowerCase(Locale.ROOT), any -> new Row())
                .add(result);
        if (result.failure() == null) {
            passed++;
            return true;
        }
        failures.add(name + ": " + result);
        return false;
    }

    List<String> failures() {
        return failures;
    }

    /** Prints the table and, as the last line, the numbers of scenarios. */
    void print(PrintStream out) {
        failures.forEach(out::println);
        out.printf(
                Locale.ROOT, "%-12s %9s %9s %10s %12s %8s%n", "", "scenarios", "complete", "schedules", "steps", "s");
        rows.forEach((name, row) -> out.printf(
                Locale.ROOT,
                "%-12s %9d %9d %10d %12d %8.1f%n",
                name,
                row.scenarios,
                row.complete,
                row.schedules,
                row.steps,
                row.seconds));
        out.println(passed + " passed, " + failures.size() + " failed");
    }

    /**
     * The arguments: the time in seconds, the most preemptions, a seed, and a part of the names of scenarios. Each
     * scenario gets a share of the time that is left. With a seed above 0 the schedules are random ones.
     */
    public static void main(String[] arguments) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(Long.parseLong(arguments[0]));
        int preemptions = Integer.parseInt(arguments[1]);
        long seed = Long.parseLong(arguments[2]);
        String part = arguments[3];
        List<String> names = names(List.of(Relation.values()));
        names.removeIf(name -> !name.contains(part));
        Supplier<Strategy> strategies =
                () -> seed > 0 ? Strategy.random(seed, preemptions + 1, MOST) : Strategy.bounded(preemptions);
        Pairs pairs = new Pairs(strategies, MOST, 0);
        for (int i = 0; i < names.size(); i++) {
            long left = TimeUnit.NANOSECONDS.toSeconds(end - System.nanoTime());
            pairs.seconds = Math.max(1, seed > 0 ? left / (names.size() - i) : left / 4);
            pairs.explore(names.get(i));
        }
        pairs.print(System.out);
        System.exit(pairs.failures().isEmpty() ? 0 : 1);
    }
}
