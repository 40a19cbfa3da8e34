// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/** Scripts with consecutive seeds, until the time is over. */
final class LiveRun {
    private static final int LEAST = 5;
    private static final int MORE = 60;

    private final Comparison comparison;
    private final Pairs pairs = new Pairs();
    private long scripts;
    private long operations;

    LiveRun(Comparison comparison) {
        this.comparison = comparison;
    }

    Pairs pairs() {
        return pairs;
    }

    /** Returns the number of scripts and of operations so far. */
    String counts() {
        return scripts + " scripts, " + operations + " operations";
    }

    /** Runs the script of a seed. Returns its first difference, or null if there is none. */
    @Nullable
    Difference run(long seed) {
        List<Outcome> outcomes = new ArrayList<>();
        Script script = script(seed, outcomes);
        scripts++;
        operations += outcomes.size();
        return comparison.compare(script, outcomes);
    }

    /** Returns the script of a seed. */
    Script script(long seed) {
        return script(seed, new ArrayList<>());
    }

    private static <T> T chosen(Random random, T[] all) {
        return all[random.nextInt(all.length)];
    }

    private Script script(long seed, List<Outcome> outcomes) {
        Random random = new Random(seed * 0x9e37_79b9_7f4a_7c15L);
        World world = chosen(random, World.values());
        Exceptions.Files files = chosen(random, Exceptions.Files.values());
        int watch = watch(random, world) & (files == Exceptions.Files.NOT_ASKED ? ~Script.AMOUNTS : -1);
        KernelWorld kernel = comparison.worlds().get(world);
        boolean isPagedOut = (watch & ~Script.CONTENTS) == 0 && random.nextInt(4) == 0;
        Generator generator = new Generator(random, world, kernel, watch, files, isPagedOut);
        List<Operation> made = new ArrayList<>();
        try (LibraryRun library = comparison.library(world, watch)) {
            int length = LEAST + random.nextInt(MORE);
            for (int i = 0; i < length; i++) {
                Operation operation = generator.next(library);
                made.add(operation);
                Outcome outcome = Comparison.perform(library, operation);
                outcomes.add(outcome);
                pairs.met(operation.verb(), outcome.result());
            }
        }
        return new Script(world, watch, made);
    }

    /** Prints the counts, and writes the pairs that were met and those that were not. */
    void report() throws IOException {
        List<String> never = pairs.neverMet();
        String summary = "memory, live: " + counts() + ", " + pairs.counts().size() + " pairs met, never met: " + never;
        System.out.println(summary);
        Path file = Path.of("target", "live-memory.txt");
        List<String> lines = new ArrayList<>(List.of(summary));
        pairs.counts().forEach((pair, count) -> lines.add(pair + " " + count));
        Files.write(file, lines);
    }

    /** Chooses what is compared besides the mappings. */
    private static int watch(Random random, World world) {
        int watch = random.nextInt(3) == 0 ? 0 : random.nextInt(8);
        // A huge page, which the library does not have, is in memory as a whole.
        return world == World.LARGE ? watch & Script.CONTENTS : watch;
    }
}
