// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.lookup;

import dev.samara.core.vma.Vma;
import org.jspecify.annotations.Nullable;

/** Something that can be asked what is mapped at an address. */
@FunctionalInterface
public interface Lookup {
    /**
     * Looks an address up.
     *
     * @param address any address
     * @return what is mapped there, or null for nothing
     */
    @Nullable
    Vma find(long address);
}
