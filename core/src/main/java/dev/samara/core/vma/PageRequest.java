// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;

/** One page that is wanted, and not in memory: what {@link Backing#fault} is asked for. */
public interface PageRequest {
    /**
     * Where it is wanted.
     *
     * @return a VMA that is kept until the call returns; it may be detached by then
     */
    Vma vma();

    /**
     * The page.
     *
     * @return its number in the file
     */
    long page();

    /**
     * The address of the access.
     *
     * @return any address of the page
     */
    long address();

    /**
     * What is to be done with it.
     *
     * @return bits of {@link Protection}
     */
    int access();

    /** Says that it had to be fetched: the fault is a {@link Fault#MAJOR} one. */
    void major();
}
