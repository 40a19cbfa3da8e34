// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.lookup;

import dev.samara.core.vma.Vma;
import org.jspecify.annotations.Nullable;

/** Looks up the mapping of an address. */
@FunctionalInterface
public interface MappingLookup {
    /**
     * Looks up an address.
     *
     * @param address any address
     * @return the VMA, or null if nothing is mapped there
     */
    @Nullable
    Vma find(long address);
}
