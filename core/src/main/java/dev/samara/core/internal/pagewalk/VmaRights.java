// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.pagewalk;

import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Geometry;

/** The rights that a VMA grants its page table entries. */
public final class VmaRights {
    /**
     * The shift from a protection to an entry, which contains the bits of {@link Protection} in the same order, above
     * PRESENT.
     */
    private static final int TO_PTE =
            Long.numberOfTrailingZeros(Pte.READ) - Integer.numberOfTrailingZeros(Protection.READ);

    private VmaRights() {}

    /**
     * Returns the rights that every page of a VMA has: READ and EXEC, as far as the space's protection map permits
     * them. The right to write depends on the page, so the fault of a store grants it.
     */
    public static long of(VmArea vma, Geometry geometry) {
        return most(vma, geometry) & ~Pte.WRITE;
    }

    /** Returns the maximum rights that a VMA's pages may have, as bits of {@link Pte#RIGHTS}. */
    public static long most(VmArea vma, Geometry geometry) {
        return (long) geometry.protectionMap().rights((int) vma.flags()) << TO_PTE;
    }
}
