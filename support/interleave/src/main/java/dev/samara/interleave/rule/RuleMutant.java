// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.rule;

import dev.samara.interleave.instrument.PlantedClassLoader;
import dev.samara.interleave.instrument.Planting;
import dev.samara.testing.live.Difference;
import dev.samara.testing.live.Language;
import dev.samara.testing.live.Shrinker;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A rule that a mutant of production code breaks. The tables of docs/mutants.md are generated from these objects.
 *
 * @param name what the mutated code does
 * @param cost the cost of a search for it
 * @param language opens the language whose scripts must find the mutant: a public class, whose constructor takes a
 *     directory
 * @param most the maximum number of scripts, which take several minutes
 * @param planting plants the mutant
 */
public record RuleMutant(String name, Cost cost, Class<? extends OpenLanguage> language, long most, Planting planting) {
    /**
     * The cost of a search on some machine.
     *
     * @param seconds the duration, including the compilation of the mutant
     * @param scripts the number of scripts up to the first one that shows the mutant
     * @param steps the number of steps of the shortest script
     */
    public record Cost(double seconds, long scripts, int steps) {}

    /** Returns the cost of a search, for a row of a table; see {@link Cost}. */
    public static Cost shown(double seconds, long scripts, int steps) {
        return new Cost(seconds, scripts, steps);
    }

    private static final long SHRINKING = TimeUnit.MINUTES.toNanos(1);

    /**
     * A script that shows a broken rule.
     *
     * @param scripts how many scripts were run, including this one
     * @param shortest the shortened script
     */
    record Found(long scripts, Difference<?> shortest) {}

    /**
     * Runs scripts of consecutive seeds until one shows the mutant and can be shortened. A script cannot be shortened
     * if it shows a difference only sometimes, e.g. because it depends on whether a thread of the machine writes a
     * page.
     *
     * @param folder the directory for the language's files
     * @param steps the maximum length of the shortened script
     * @return the script that was found, or null if no script was
     */
    @Nullable
    Found find(Path folder, long seed, int steps) throws IOException {
        ClassLoader loader = new PlantedClassLoader(List.of(planting));
        try (OpenLanguage open = open(loader, folder)) {
            return find(open.language(), seed, steps);
        }
    }

    private OpenLanguage open(ClassLoader loader, Path folder) {
        try {
            return (OpenLanguage) loader.loadClass(language.getName())
                    .getConstructor(Path.class)
                    .newInstance(folder);
        } catch (ReflectiveOperationException failed) {
            throw new IllegalStateException(failed);
        }
    }

    private <S, D extends Difference<S>> @Nullable Found find(Language<S, D> scripts, long seed, int steps)
            throws IOException {
        int together = scripts.together();
        for (long i = 0; i < most; i += together) {
            for (Map.Entry<Long, D> found : scripts.runAll(seed + i, together).entrySet()) {
                D shortest = Shrinker.shrink(scripts, found.getValue(), SHRINKING);
                if (shortest.steps().size() <= steps) {
                    return new Found(found.getKey() - seed + 1, shortest);
                }
            }
        }
        return null;
    }

    @Override
    public String toString() {
        return name;
    }
}
