// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.pagewalk;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.Geometry;

/**
 * Narrows the entries of ranges whose VMAs have lost rights ({@code change_protection}). {@code Mprotect.protect}
 * decides whether they have lost rights. A call that only grants rights does not use this class; later faults add the
 * granted rights. Each leaf of a range is flushed, whether or not an entry changed.
 */
public final class ProtectPages {
    private ProtectPages() {}

    /**
     * Narrows each entry to the rights of the VMA that covers it now. Does not wait; the gather may become full.
     *
     * @param walk a cursor of the page table
     * @param start the first address
     * @param end the end of the range, exclusive
     * @param vmas the VMAs of the space
     * @param geometry the geometry of the space
     * @param gather collects the pending flushes
     */
    public static void narrow(
            PageWalk walk, long start, long end, VmaLookup vmas, Geometry geometry, TlbGather gather) {
        walk.over(start, end);
        while (walk.next()) {
            narrow(walk, vmas, geometry, gather);
        }
    }

    /** The VMAs are looked up under the lock of the leaf. */
    private static void narrow(PageWalk walk, VmaLookup vmas, Geometry geometry, TlbGather gather) {
        long[] leaf = walk.leaf();
        int stop = walk.endIndex();
        Leaf.lock(leaf);
        try {
            if (Leaf.isDead(leaf)) {
                return;
            }
            gather.deferFlush(walk.table(), leaf, walk.start(), walk.end(), MmuNotifier.Reason.PROTECTED);
            VmArea vma = null;
            for (int i = walk.first(); i < stop; i++) {
                if (Leaf.get(leaf, i) == Pte.NONE) {
                    continue;
                }
                long address = walk.addressOf(i);
                if (vma == null || !vma.contains(address)) {
                    vma = vmas.find(address);
                }
                narrow(leaf, i, vma == null ? 0 : VmaRights.most(vma, geometry));
            }
        } finally {
            Leaf.unlock(leaf);
        }
    }

    private static void narrow(long[] leaf, int index, long most) {
        long pte = Leaf.get(leaf, index);
        for (; ; pte = Leaf.get(leaf, index)) {
            long narrowed;
            if (Pte.isPresent(pte)) {
                narrowed = pte & ~(Pte.RIGHTS & ~most);
            } else if (Pte.has(pte, Pte.BUSY | Pte.COPY)) {
                // Takes the entry from a thread that is copying the page: the page is unchanged since the copy started,
                // and that thread will drop its copy. An entry that is busy for an unmap is left to the unmap.
                narrowed = Pte.present(
                        Pte.frame(pte),
                        (pte & (Pte.OWN | Pte.ZERO | Pte.DIRTY | Pte.ACCESSED | Pte.SHMEM)) | (most & ~Pte.WRITE));
            } else {
                return;
            }
            if (narrowed == pte || Leaf.narrow(leaf, index, pte, narrowed)) {
                return;
            }
        }
    }
}
