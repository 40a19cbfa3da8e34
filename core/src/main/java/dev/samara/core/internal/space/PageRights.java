// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.page.Pte;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;

/** What a VMA allows its page table entries. */
public final class PageRights {
    private PageRights() {}

    /**
     * The rights that every page of a VMA has; that to write depends on the page.
     *
     * @param vma the VMA
     * @return READ if any access is allowed, since what may be written or executed can be read on x86, and EXEC
     */
    public static long of(Vma vma) {
        return (vma.hasAny(VmaFlags.ACCESS) ? Pte.READ : 0) | (vma.has(VmaFlags.EXEC) ? Pte.EXEC : 0);
    }

    /**
     * The most that a page of a VMA may have.
     *
     * @param vma the VMA
     * @return bits of {@link Pte#RIGHTS}
     */
    public static long most(Vma vma) {
        return of(vma) | (vma.has(VmaFlags.WRITE) ? Pte.WRITE : 0);
    }
}
