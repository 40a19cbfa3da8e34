// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.pair;

import dev.samara.core.LazyTlb;
import dev.samara.core.interleave.pair.Combination.Cpus;
import dev.samara.core.interleave.pair.Combination.Relation;
import dev.samara.core.interleave.pair.Combination.Spaces;
import dev.samara.core.interleave.scenario.Ground;
import java.util.ArrayList;
import java.util.List;

/** The names of scenarios about CPUs and lifetimes, each with a strategy for LAZY CPUs. */
final class LifetimeSets {
    /** The kinds whose pairs are all explored with each strategy. */
    static final List<String> KINDS = List.of(
            "use",
            "unuse",
            "lazy",
            "switch",
            "close",
            "reap",
            "fork",
            "exec",
            "offline",
            "read-fault",
            "write-fault",
            "store",
            "collect");

    private LifetimeSets() {}

    /** Returns the names of all pairs of a close with another kind, with a strategy. */
    static List<String> ofExit(LazyTlb strategy) {
        return KINDS.stream()
                .map(kind -> PairScenario.name(Combination.of("close", Relation.SAME, kind), strategy))
                .toList();
    }

    /** Returns the names of all pairs in the plainest setting, with each strategy. */
    static List<String> pairs() {
        return withStrategies(pairs(Ground.ANONYMOUS, Spaces.ONE, Cpus.COLD));
    }

    /**
     * Returns the names of all pairs in each other setting in which both operations have something to work on, with
     * each strategy.
     */
    static List<String> pairsWithSettings() {
        List<Combination> combinations = new ArrayList<>();
        for (Ground ground : Ground.values()) {
            for (Spaces spaces : Spaces.values()) {
                for (Cpus cpus : Cpus.values()) {
                    combinations.addAll(pairs(ground, spaces, cpus));
                }
            }
        }
        combinations.removeAll(pairs(Ground.ANONYMOUS, Spaces.ONE, Cpus.COLD));
        combinations.removeIf(combination -> !combination.isPossible());
        return withStrategies(combinations);
    }

    /** Returns the names of all triples on one range in the plainest setting, with each strategy. */
    static List<String> triples() {
        List<Combination> combinations = new ArrayList<>();
        for (int i = 0; i < KINDS.size(); i++) {
            for (int j = i; j < KINDS.size(); j++) {
                for (int k = j; k < KINDS.size(); k++) {
                    combinations.add(new Combination(
                            List.of(KINDS.get(i), KINDS.get(j), KINDS.get(k)),
                            Relation.SAME,
                            Ground.ANONYMOUS,
                            Spaces.ONE,
                            Cpus.COLD));
                }
            }
        }
        return withStrategies(combinations);
    }

    private static List<Combination> pairs(Ground ground, Spaces spaces, Cpus cpus) {
        List<Combination> pairs = new ArrayList<>();
        for (int i = 0; i < KINDS.size(); i++) {
            for (int j = i; j < KINDS.size(); j++) {
                List<String> kinds = List.of(KINDS.get(i), KINDS.get(j));
                pairs.add(new Combination(kinds, Relation.SAME, ground, spaces, cpus));
            }
        }
        return pairs;
    }

    private static List<String> withStrategies(List<Combination> combinations) {
        List<String> names = new ArrayList<>();
        for (LazyTlb strategy : LazyTlb.values()) {
            combinations.forEach(combination -> names.add(PairScenario.name(combination, strategy)));
        }
        return names;
    }
}
