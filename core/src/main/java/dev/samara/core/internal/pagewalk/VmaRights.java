// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.pagewalk;

import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmaFlags;

/** The rights that a VMA gives its page table entries. */
public final class VmaRights {
    private VmaRights() {}

    /**
     * Returns the rights that every page of a VMA has: EXEC if the VMA has it, and READ if any access is allowed, since
     * on x86 writable or executable memory is readable. The right to write depends on the page: a
     * fault of a write gives it.
     */
    public static long of(VmArea vma) {
        return (vma.hasAny(VmaFlags.ACCESS) ? Pte.READ : 0) | (vma.has(VmaFlags.EXEC) ? Pte.EXEC : 0);
    }

    /** Returns the maximal rights of a page of a VMA, as bits of {@link Pte#RIGHTS}. */
    public static long most(VmArea vma) {
        return of(vma) | (vma.has(VmaFlags.WRITE) ? Pte.WRITE : 0);
    }
}
