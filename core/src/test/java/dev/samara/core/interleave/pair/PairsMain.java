// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.pair;

import dev.samara.core.interleave.pair.Combination.Relation;
import dev.samara.core.interleave.schedule.Strategy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** The profile {@code interleave}: explores combinations for a time. */
final class PairsMain {
    /** A scenario whose schedules end may take so many times its share of the time, since most need less. */
    private static final int MOST_SHARES = 3;

    private PairsMain() {}

    /**
     * The arguments, as {@code docs/interleavings.md} names them: the time in seconds, the set of scenarios, the
     * preemptions, the most schedules of a scenario, a seed, the number of explorations side by side, and a part of the
     * names of scenarios. A scenario gets a share of the time that is left.
     */
    public static void main(String[] arguments) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(Long.parseLong(arguments[0]));
        List<String> names = new ArrayList<>(names(arguments[1]));
        names.removeIf(name -> !name.contains(arguments[6]));
        int most = Integer.parseInt(arguments[3]);
        long seed = Long.parseLong(arguments[4]);
        Pairs pairs = new Pairs(strategies(arguments[2], seed, most), most);
        int threads = Integer.parseInt(arguments[5]);
        pairs.explore(names, threads, index -> {
            long left = TimeUnit.NANOSECONDS.toSeconds(end - System.nanoTime());
            long share = left * threads / (names.size() - index);
            return Math.max(1, seed > 0 ? share : MOST_SHARES * share);
        });
        pairs.print(System.out);
        System.exit(pairs.failures().isEmpty() ? 0 : 1);
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

    /** Three operations on one range, of which two change the layout or the pages. */
    private static List<String> triples() {
        List<String> names = new ArrayList<>();
        List<String> changes = List.of("mmap", "munmap", "mremap", "mprotect", "dontneed", "guard", "fork", "close");
        List<String> others = List.of("store", "write-fault", "in-guest", "mlock", "collect", "fork");
        for (int i = 0; i < changes.size(); i++) {
            for (int j = i; j < changes.size(); j++) {
                // The second of two calls of close returns before the first one has taken anything away.
                boolean isSecondClose = i == j && changes.get(i).equals("close");
                for (String other : isSecondClose ? List.<String>of() : others) {
                    names.add(changes.get(i) + "/OVERLAPPING/" + changes.get(j) + '&' + other);
                }
            }
        }
        return names;
    }

    private static Supplier<Strategy> strategies(String preemptions, long seed, int most) {
        if (preemptions.equals("reduced")) {
            return Strategy::reduced;
        }
        int bound = Integer.parseInt(preemptions);
        return () -> seed > 0 ? Strategy.random(seed, bound + 1, most) : Strategy.bounded(bound);
    }
}
