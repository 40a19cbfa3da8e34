// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Runs scripts that are chosen by seeds, and shrinks the first one that differs. */
final class FileLanguage {
    /** The steps of a script. */
    private static final int STEPS = 60;

    private final Arena arena;
    private long scripts;

    FileLanguage(Arena arena) {
        this.arena = arena;
    }

    long scripts() {
        return scripts;
    }

    /** Runs a script of a seed. Returns a message if it differs, with the shortest script, or else null. */
    @Nullable
    String run(long seed) throws IOException {
        scripts++;
        Generator generator = new Generator(seed);
        Trial trial = new Trial(arena, generator.machine());
        boolean isSame = true;
        for (int i = 0; i < STEPS && isSame; i++) {
            isSame = trial.run(generator.next(trial.world(), i));
        }
        Difference found = trial.end();
        return found == null ? null : message(seed, trial.done(), found);
    }

    private String message(long seed, List<Step> script, Difference found) throws IOException {
        List<Step> shortest = new Shrinker(shorter -> differs(shorter, found.isThrown()))
                .shrink(script.subList(0, Math.min(script.size(), found.step() + 1)));
        Difference last = Trial.run(arena, shortest);
        return String.format(
                Locale.ROOT,
                "seed %d: %s%nas a script of %d steps: %s%n%s%n",
                seed,
                found.what(),
                shortest.size() - 1,
                last == null ? "(it differs at times only)" : last.what(),
                shortest.stream().map(Step::toString).collect(Collectors.joining("\n")));
    }

    private boolean differs(List<Step> script, boolean isThrown) {
        try {
            Difference found = Trial.run(arena, script);
            return found != null && found.isThrown() == isThrown;
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** Runs scripts of consecutive seeds for a time. Returns the first message, or null. */
    @Nullable
    String runFor(long nanos, long seed) throws IOException {
        long start = System.nanoTime();
        String found = null;
        for (long i = seed; found == null && System.nanoTime() - start < nanos; i++) {
            found = run(i);
        }
        return found;
    }
}
