// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

import dev.samara.core.mman.Protection;

/** A request to {@link Backing#fault} for one page that is not in memory. */
public interface PageRequest {
    /**
     * Returns the VMA of the access.
     *
     * @return a VMA that is referenced until the call returns; it may become detached in the meantime
     */
    Vma vma();

    /**
     * Returns the requested page.
     *
     * @return its number in the file
     */
    long page();

    /**
     * Returns the address of the access.
     *
     * @return any address of the page
     */
    long address();

    /**
     * Returns the kind of the access, as in {@link dev.samara.core.mman.Fault#access}.
     *
     * @return one bit of {@link Protection}: EXEC for a fetch, WRITE for a store or an atomic update, READ for a load
     */
    int access();

    /** Counts the fault as a major fault, because the page had to be fetched. */
    void major();
}
