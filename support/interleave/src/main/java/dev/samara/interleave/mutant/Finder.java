// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.mutant;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A kind of search for mutants. A search must find nothing without the mutant. The tests of a module may provide
 * further kinds as services ({@link java.util.ServiceLoader}).
 */
public interface Finder {
    /** Returns the first word of the searches that this finder runs. */
    String kind();

    /**
     * Searches for a mutant.
     *
     * @param arguments the rest of the search, as the file of the mutants has it
     * @param folder an empty folder, which is deleted afterwards
     * @return how the mutant was found, or null if it was not
     * @throws Exception if the search cannot be made; then it is not valid for the present code
     */
    @Nullable
    String find(Mutant mutant, String arguments, Path folder) throws Exception;
}
