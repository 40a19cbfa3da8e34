// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Probabilistic concurrency testing (Burckhardt et al. 2010). Each thread gets a random priority, and the thread with
 * the highest priority runs among those that can. At depth - 1 random steps, the running thread gets the lowest
 * priority. A thread that gives a spin-wait hint also gets the lowest priority.
 */
final class Priorities implements Strategy {
    private final long firstSeed;
    private final int depth;
    private final int runs;
    private int run;

    /** The maximum number of choices of a run so far. */
    private int length = 1;

    Priorities(long seed, int depth, int runs) {
        firstSeed = seed;
        this.depth = depth;
        this.runs = runs;
    }

    @Override
    public Chooser begin() {
        return new Draw(new Random(firstSeed + run));
    }

    @Override
    public boolean advance() {
        return ++run < runs;
    }

    private final class Draw implements Chooser {
        private final Random random;
        private final Map<String, Double> priorities = new HashMap<>();
        private final Set<Integer> changes = new HashSet<>();
        private int at;
        private double lowest;

        Draw(Random random) {
            this.random = random;
            for (int i = 1; i < depth; i++) {
                changes.add(random.nextInt(length));
            }
        }

        @Override
        public @Nullable SteppedThread choose(
                Run run, SteppedThread from, List<SteppedThread> options, boolean isPreemption) {
            if (changes.contains(at++) || from.yields) {
                priorities.put(from.getName(), --lowest);
            }
            length = Math.max(length, at);
            SteppedThread best = options.get(0);
            for (SteppedThread option : options) {
                if (priority(option) > priority(best)) {
                    best = option;
                }
            }
            return best;
        }

        private double priority(SteppedThread thread) {
            return priorities.computeIfAbsent(thread.getName(), name -> random.nextDouble());
        }
    }

    @Override
    public String toString() {
        return "random, seed " + (firstSeed + run) + ", depth " + depth;
    }
}
