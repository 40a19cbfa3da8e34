// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import dev.samara.testing.live.Shrinker;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;

/**
 * Runs scripts with faults until one violates a rule, up to a maximum number. Returns the number of that script, from
 * 1, and the shortened script. A class loader with planted mutants creates this class by name, so the result consists
 * of classes of the JDK.
 */
public final class FaultSearch implements Callable<Map.@Nullable Entry<Integer, String>> {
    /** How long to search for a shorter script, in nanoseconds. */
    private static final long SHRINKING = 20_000_000_000L;

    private final Path folder;
    private final long seed;
    private final int most;

    /**
     * Creates a search.
     *
     * @param folder the directory for the scripts' files
     * @param seed chooses the scripts
     * @param most the maximum number of scripts
     */
    public FaultSearch(Path folder, Long seed, Integer most) {
        this.folder = folder;
        this.seed = seed;
        this.most = most;
    }

    @Override
    public Map.@Nullable Entry<Integer, String> call() throws IOException {
        FaultLanguage language = new FaultLanguage(folder);
        for (int i = 0; i < most; i++) {
            FaultDifference found = language.run(seed + i);
            if (found != null) {
                return Map.entry(
                        i + 1, Shrinker.shrink(language, found, SHRINKING).toString());
            }
        }
        return null;
    }
}
