// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import dev.samara.interleave.mutant.Finder;
import dev.samara.interleave.mutant.Mutant;
import dev.samara.interleave.mutant.MutantClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;

/**
 * Runs random scripts with faults of the host: {@code faults MOST}, with the maximum number of scripts, rather than a
 * time, so that a slow machine searches as far as a fast one. {@link HostFaultsTest} checks that the unchanged library
 * has no violation in other scripts.
 */
public final class FaultFinder implements Finder {
    @Override
    public String kind() {
        return "faults";
    }

    @Override
    public @Nullable String find(Mutant mutant, String arguments, Path folder) throws Exception {
        Map.Entry<Integer, String> found = find(List.of(mutant), folder, Integer.parseInt(arguments));
        if (found == null) {
            return null;
        }
        Map.Entry<Integer, String> unchanged = find(mutant.settings(), folder, found.getKey());
        if (unchanged != null) {
            throw new IllegalStateException("without the mutant: script " + unchanged);
        }
        return "script " + found.getKey() + ", " + found.getValue();
    }

    @SuppressWarnings("unchecked") // the class of the search is that of the loader
    private static Map.@Nullable Entry<Integer, String> find(List<Mutant> mutants, Path folder, int most)
            throws Exception {
        Path ofRun = Files.createTempDirectory(folder, "run");
        Callable<?> search = (Callable<?>) new MutantClassLoader(mutants)
                .loadClass(FaultSearch.class.getName())
                .getConstructor(Path.class, Long.class, Integer.class)
                .newInstance(ofRun, 1L, most);
        return (Map.Entry<Integer, String>) search.call();
    }
}
