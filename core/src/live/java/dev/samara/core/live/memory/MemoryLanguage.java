// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import dev.samara.testing.live.Language;
import dev.samara.testing.live.Tally;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/** Scripts of memory calls, which the kernel and the library execute. */
final class MemoryLanguage implements Language<Operation, Difference> {
    /** The directory with the table of results, and with scripts that once showed a difference. */
    static final Path FOLDER = Path.of("src", "test", "resources", "dev", "samara", "core", "live", "memory");

    private static final int LEAST = 5;
    private static final int MORE = 60;

    private final Comparison comparison;
    private final Tally tally;
    private long steps;

    MemoryLanguage(Comparison comparison) throws IOException {
        this.comparison = comparison;
        tally = new Tally(FOLDER.resolve("pairs.txt"));
    }

    @Override
    public String name() {
        return "memory";
    }

    @Override
    public Tally tally() {
        return tally;
    }

    @Override
    public long steps() {
        return steps;
    }

    @Override
    public @Nullable Difference run(long seed) {
        List<Outcome> outcomes = new ArrayList<>();
        Script script = script(seed, outcomes);
        return comparison.compare(script, outcomes);
    }

    @Override
    public @Nullable Difference again(Difference found, List<Operation> operations) {
        Script script = found.script().with(operations);
        List<Operation> before = found.script().operations();
        if (operations.stream().anyMatch(each -> !before.contains(each) && isLeftOut(each))) {
            return null;
        }
        return Safety.isSafe(comparison.worlds().get(script.world()), script) ? comparison.compare(script) : null;
    }

    /** Returns whether some scripts exclude an operation, because it may show a difference of its own. */
    private static boolean isLeftOut(Operation operation) {
        return Exceptions.isOut(operation)
                || (operation.verb() == Verb.PUNCH
                        && Exceptions.Files.isInFirstPage(operation.argument(1), operation.argument(2)));
    }

    @Override
    public List<Operation> simpler(Operation operation) {
        return operation.simpler();
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
                steps++;
                tally.met(operation.verb().text(), outcome.error());
            }
        }
        return new Script(world, watch, made);
    }

    /** Chooses what is compared in addition to the mappings. */
    private static int watch(Random random, World world) {
        int watch = random.nextInt(3) == 0 ? 0 : random.nextInt(8);
        // A huge page is in memory as a whole; the library does not support huge pages.
        return world == World.LARGE ? watch & Script.CONTENTS : watch;
    }
}
