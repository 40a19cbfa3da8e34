// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.mutant;

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
 * Compares random scripts with the running kernel: {@code scripts LANGUAGE MOST}, with the simple name of an {@link
 * OpenLanguage}, until one of at most {@code MOST} scripts shows the mutant and can be shortened to a few steps. A
 * script cannot be shortened if it shows a difference only sometimes, e.g. because it depends on whether a thread of
 * the machine writes a page.
 */
public final class ScriptFinder implements Finder {
    private static final int MOST_STEPS = 10;
    private static final long SEED = 1;
    private static final long SHRINKING = TimeUnit.MINUTES.toNanos(1);

    @Override
    public String kind() {
        return "scripts";
    }

    @Override
    public @Nullable String find(Mutant mutant, String arguments, Path folder) throws Exception {
        String[] named = arguments.split(" ", -1);
        String language = TestClasses.named(named[0]).getName();
        MutantClassLoader loader = new MutantClassLoader(List.of(mutant));
        try (OpenLanguage open = (OpenLanguage)
                loader.loadClass(language).getConstructor(Path.class).newInstance(folder)) {
            return find(open.language(), Long.parseLong(named[1]));
        }
    }

    private static <S, D extends Difference<S>> @Nullable String find(Language<S, D> scripts, long most)
            throws IOException {
        int together = scripts.together();
        for (long i = 0; i < most; i += together) {
            for (Map.Entry<Long, D> found : scripts.runAll(SEED + i, together).entrySet()) {
                D shortest = Shrinker.shrink(scripts, found.getValue(), SHRINKING);
                int steps = shortest.steps().size();
                if (steps <= MOST_STEPS) {
                    return "script " + (found.getKey() - SEED + 1) + ", " + steps + " steps";
                }
            }
        }
        return null;
    }
}
