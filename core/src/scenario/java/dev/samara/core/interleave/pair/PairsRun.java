// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.pair;

import dev.samara.core.interleave.pair.Combination.Relation;
import dev.samara.interleave.schedule.Deadline;
import dev.samara.interleave.schedule.ProfilePart;
import dev.samara.interleave.schedule.Strategy;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.function.Supplier;

/** Explores a set of combinations, each for a share of the time. */
public final class PairsRun implements ProfilePart {
    /**
     * The maximum time of a scenario with bounded schedules, in shares, because most scenarios need less than their
     * share.
     */
    private static final int MOST_SHARES = 3;

    private final List<String> names;
    private final boolean isRandom;
    private final int threads;
    private final Pairs pairs;

    /**
     * How schedules are chosen.
     *
     * @param preemptions the maximum number of preemptions of a schedule, or "reduced" for one schedule of each class
     * @param most the maximum number of schedules of a scenario
     * @param seed chooses random schedules; 0 for all schedules, in order
     */
    public record Schedules(String preemptions, int most, long seed) {
        private Supplier<Strategy> strategies() {
            if (preemptions.equals("reduced")) {
                return Strategy::reduced;
            }
            int bound = Integer.parseInt(preemptions);
            return () -> seed > 0 ? Strategy.random(seed, bound + 1, most) : Strategy.bounded(bound);
        }
    }

    /**
     * Creates a run.
     *
     * @param set the set, as docs/interleavings.md names it
     * @param only a text that the names of the explored scenarios contain
     * @param threads the number of concurrent explorations
     * @param order chooses the order
     */
    public PairsRun(String set, String only, Schedules schedules, int threads, Random order) {
        names = new ArrayList<>(names(set));
        names.removeIf(name -> !name.contains(only));
        Collections.shuffle(names, order);
        isRandom = schedules.seed() > 0;
        this.threads = threads;
        pairs = new Pairs(schedules.strategies(), schedules.most());
    }

    @Override
    public void run(Deadline deadline, PrintStream out) throws InterruptedException {
        pairs.explore(names, threads, deadline, isRandom ? 1 : MOST_SHARES);
        pairs.print(out);
    }

    @Override
    public String progress() {
        return String.format(
                Locale.ROOT,
                "combinations: %d of %d explored, %d complete, %d failed, %d schedules",
                pairs.passed() + pairs.failed(),
                names.size(),
                pairs.completed(),
                pairs.failed(),
                pairs.schedules());
    }

    @Override
    public int passed() {
        return pairs.passed();
    }

    @Override
    public int failed() {
        return pairs.failed();
    }

    /** A run with random schedules is complete when each scenario used its share. */
    @Override
    public boolean isComplete() {
        return (isRandom ? pairs.passed() + pairs.failed() : pairs.completed()) == names.size();
    }

    private static List<String> names(String set) {
        return switch (set) {
            case "pairs" -> Pairs.names(Arrays.asList(Relation.values()));
            case "references" -> Pairs.ofReferences();
            case "lifetimes" -> LifetimeSets.pairs();
            case "settings" -> LifetimeSets.pairsWithSettings();
            case "lifetime-triples" -> LifetimeSets.triples();
            case "array" -> {
                CoveringArray array = new CoveringArray(PairKinds.names());
                System.out.println(array);
                yield array.names();
            }
            case "triples" -> triples();
            default -> Arrays.asList(set.split(",", -1));
        };
    }

    /**
     * Returns the names of triples on overlapping ranges: two operations that change the layout or the pages, and a
     * third one.
     */
    static List<String> triples() {
        List<String> names = new ArrayList<>();
        List<String> changes = List.of("mmap", "munmap", "mremap", "mprotect", "dontneed", "guard", "fork", "close");
        List<String> others = List.of("store", "write-fault", "in-guest", "mlock", "collect", "fork");
        for (int i = 0; i < changes.size(); i++) {
            for (int j = i; j < changes.size(); j++) {
                // The second of two closes returns before the first one removed anything.
                boolean isSecondClose = i == j && changes.get(i).equals("close");
                for (String other : isSecondClose ? List.<String>of() : others) {
                    names.add(changes.get(i) + "/OVERLAPPING/" + changes.get(j) + '&' + other);
                }
            }
        }
        return names;
    }
}
