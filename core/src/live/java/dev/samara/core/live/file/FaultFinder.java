// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import dev.samara.interleave.mutant.Finder;
import dev.samara.interleave.mutant.Mutant;
import dev.samara.interleave.mutant.MutantClassLoader;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;

/**
 * Runs random scripts with faults of the host: {@code faults MOST}, with the maximum number of scripts, rather than a
 * time, so that a slow machine searches as far as a fast one. {@link HostFaultsTest} checks that the unchanged library
 * has no violation.
 */
public final class FaultFinder implements Finder {
    @Override
    public String kind() {
        return "faults";
    }

    @Override
    public @Nullable String find(Mutant mutant, String arguments, Path folder) throws Exception {
        Callable<?> search = (Callable<?>) new MutantClassLoader(List.of(mutant))
                .loadClass(FaultSearch.class.getName())
                .getConstructor(Path.class, Long.class, Integer.class)
                .newInstance(folder, 1L, Integer.valueOf(arguments));
        return (String) search.call();
    }
}
