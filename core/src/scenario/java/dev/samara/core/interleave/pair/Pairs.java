// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.pair;

import dev.samara.core.interleave.pair.Combination.Relation;
import dev.samara.core.interleave.scenario.Ground;
import dev.samara.interleave.SteppedScenarios;
import dev.samara.interleave.mutant.Mutant;
import dev.samara.interleave.schedule.Deadline;
import dev.samara.interleave.schedule.Exploration;
import dev.samara.interleave.schedule.Strategy;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** Explores combinations of operations, and prints a table. */
public final class Pairs {
    /** The kinds whose pairs are all explored in all relations, in the plainest setting. */
    static final List<String> BASIC = List.of(
            "mmap",
            "munmap",
            "mremap",
            "mprotect",
            "widen",
            "dontneed",
            "guard",
            "mlock",
            "fork",
            "close",
            "load",
            "read-fault",
            "store",
            "write-fault",
            "in-guest",
            "resolve",
            "reference",
            "snapshot",
            "collect");

    private static final String ALL = "all";

    /** The figures of the scenarios that have one value in common. */
    private static final class Row {
        int scenarios;
        int complete;
        int failed;
        long schedules;
        long steps;
        double seconds;

        void add(Exploration.Result result) {
            scenarios++;
            complete += result.isComplete() ? 1 : 0;
            failed += result.failure() == null ? 0 : 1;
            schedules += result.runs();
            steps += result.steps();
            seconds += result.nanos() / 1e9;
        }
    }

    private final Supplier<Strategy> strategies;
    private final int most;
    private final ClassLoader loader;
    private final Map<String, Row> rows = new LinkedHashMap<>();
    private final List<String> failures = new ArrayList<>();
    private final List<String> incomplete = new ArrayList<>();
    private final List<String> complete = new ArrayList<>();
    private int passed;

    /**
     * Creates an exploration of combinations.
     *
     * @param strategies creates the strategy of a scenario
     * @param most the maximum number of schedules of a scenario
     * @param changes the changes of the production classes
     */
    Pairs(Supplier<Strategy> strategies, int most, Mutant... changes) {
        this.strategies = strategies;
        this.most = most;
        loader = SteppedScenarios.loader(changes);
    }

    /** Returns an exploration of the {@link PairScenario} with a name. */
    public static Exploration exploration(String name) {
        return SteppedScenarios.exploreNamed(PairScenario.class, name);
    }

    /** Returns the names of all pairs of basic kinds in some relations. */
    static List<String> names(Collection<Relation> relations) {
        List<String> names = new ArrayList<>();
        for (Relation relation : relations) {
            for (int i = 0; i < BASIC.size(); i++) {
                for (int j = i; j < BASIC.size(); j++) {
                    names.add(
                            Combination.of(BASIC.get(i), relation, BASIC.get(j)).toString());
                }
            }
        }
        return names;
    }

    /**
     * Returns the names of all pairs of a reference with another reference, or with an event in which a space loses a
     * user.
     */
    static List<String> ofReferences() {
        List<String> others = new ArrayList<>(ReferenceKinds.NAMES);
        others.addAll(List.of("close", "lazy", "switch", "offline", "die", "fork", "munmap"));
        List<String> names = new ArrayList<>();
        for (int i = 0; i < ReferenceKinds.NAMES.size(); i++) {
            for (int j = i; j < others.size(); j++) {
                for (Combination.Cpus cpus : List.of(Combination.Cpus.COLD, Combination.Cpus.LAZY)) {
                    List<String> kinds = List.of(ReferenceKinds.NAMES.get(i), others.get(j));
                    names.add(new Combination(kinds, Relation.SAME, Ground.ANONYMOUS, Combination.Spaces.ONE, cpus)
                            .toString());
                }
            }
        }
        return names;
    }

    /**
     * Explores scenarios, some of them in parallel, until the time is over.
     *
     * @param threads the number of concurrent explorations
     * @param shares the maximum time of a scenario, in shares of the time that is left when it starts
     */
    void explore(List<String> names, int threads, Deadline deadline, int shares) throws InterruptedException {
        ExecutorService explorers = Executors.newFixedThreadPool(threads);
        for (int i = 0; i < names.size(); i++) {
            String name = names.get(i);
            int remaining = names.size() - i;
            explorers.execute(() -> {
                if (!deadline.isOver()) {
                    explore(name, deadline.within(deadline.nanos() * threads / remaining * shares));
                }
            });
        }
        explorers.shutdown();
        explorers.awaitTermination(1, TimeUnit.DAYS);
    }

    /** Explores scenarios, some of them in parallel, without a time limit. */
    void explore(List<String> names, int threads) throws InterruptedException {
        explore(names, threads, Deadline.NEVER, 1);
    }

    private void explore(String name, Deadline deadline) {
        try {
            Exploration exploration = SteppedScenarios.exploreNamed(PairScenario.class, name, loader);
            add(name, exploration.explore(strategies.get(), most, deadline));
        } catch (RuntimeException | Error thrown) {
            synchronized (this) {
                failures.add(name + ": " + thrown);
            }
        }
    }

    private synchronized void add(String name, Exploration.Result result) {
        Combination combination = PairScenario.combination(name);
        List<String> keys = new ArrayList<>();
        keys.add(ALL);
        for (Enum<?> value : List.of(
                combination.relation(),
                combination.ground(),
                combination.spaces(),
                combination.cpus(),
                PairScenario.strategy(name))) {
            keys.add(value.name());
        }
        combination.kinds().stream().distinct().forEach(keys::add);
        keys.forEach(key -> rows.computeIfAbsent(key, any -> new Row()).add(result));
        if (result.failure() != null) {
            failures.add(name + ": " + result);
        } else {
            passed++;
            (result.isComplete() ? complete : incomplete).add(name + ": " + result.figures());
        }
    }

    List<String> failures() {
        return failures;
    }

    /** Returns the scenarios that have too many schedules. */
    List<String> incomplete() {
        return incomplete;
    }

    synchronized int passed() {
        return passed;
    }

    synchronized int failed() {
        return failures.size();
    }

    /** Returns the number of scenarios whose schedules were all explored. */
    synchronized int completed() {
        return complete.size();
    }

    synchronized long schedules() {
        Row all = rows.get(ALL);
        return all == null ? 0 : all.schedules;
    }

    /** Prints the scenarios and the table. */
    void print(PrintStream out) {
        complete.forEach(out::println);
        incomplete.forEach(out::println);
        failures.forEach(out::println);
        out.printf(
                Locale.ROOT,
                "%-18s %9s %9s %7s %10s %12s %8s%n",
                "",
                "scenarios",
                "complete",
                "failed",
                "schedules",
                "steps",
                "s");
        rows.forEach((name, row) -> out.printf(
                Locale.ROOT,
                "%-18s %9d %9d %7d %10d %12d %8.1f%n",
                name,
                row.scenarios,
                row.complete,
                row.failed,
                row.schedules,
                row.steps,
                row.seconds));
    }
}
