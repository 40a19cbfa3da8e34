// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.VmaRights;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.VmaFlags;

/**
 * The part of a fault at a present entry ({@code do_wp_page}): widens the rights of the entry, or calls the code that
 * copies the page or notifies the backing of a first write.
 */
final class PresentFault {
    private final FaultState state;
    private final BackingFault backingFault;
    private final CopyOnWrite copyOnWrite;

    PresentFault(FaultState state, BackingFault backingFault, CopyOnWrite copyOnWrite) {
        this.state = state;
        this.backingFault = backingFault;
        this.copyOnWrite = copyOnWrite;
    }

    /** Handles a fault at a present entry, for an access that the VMA permits. */
    int access(VmArea vma, long address, int access, long[] leaf, int index, long pte) {
        boolean writes = (access & Protection.WRITE) != 0;
        if (allows(pte, access)) {
            // The fault marks the page itself: while many pages are dirty, a walk would leave the page clean, and the
            // fault would start again.
            boolean makesDirty =
                    (state.isBalanced || state.isMarking) && writes && !Pte.has(pte, Pte.DIRTY) && Pte.isCached(pte);
            return makesDirty ? widen(vma, address, leaf, index, pte, true) : Fault.NONE;
        }
        if (writes && !Pte.has(pte, Pte.WRITE) && !vma.has(VmaFlags.SHARED)) {
            return copyOnWrite.copyOrReuse(vma, address, access, leaf, index, pte);
        }
        if (writes && !Pte.has(pte, Pte.WRITE) && FaultState.noticesWrites(vma)) {
            state.checkMayWait();
            return backingFault.pageMkwrite(vma, address, access, pte);
        }
        return widen(vma, address, leaf, index, pte, writes);
    }

    /** Returns whether an access can be made through a present entry. */
    private static boolean allows(long pte, int access) {
        if ((access & PermissionCheck.FORCED) == 0) {
            return Pte.has(pte, rightsOf(access));
        }
        return (access & Protection.WRITE) == 0 || Pte.has(pte, Pte.WRITE) || Pte.has(pte, Pte.FORCED_WRITE);
    }

    /** Returns the rights that an access needs. */
    private static long rightsOf(int access) {
        return ((access & Protection.WRITE) != 0 ? Pte.WRITE : 0)
                | ((access & Protection.EXEC) != 0 ? Pte.EXEC : 0)
                | ((access & Protection.READ) != 0 ? Pte.READ : 0);
    }

    /** Adds rights that the VMA was given and the entry lacks. */
    private int widen(VmArea vma, long address, long[] leaf, int index, long pte, boolean writes) {
        Leaf.lock(leaf);
        try {
            VmArea now = state.mayChange(leaf) ? VmaRecheck.of(state.layout, vma, address, false) : null;
            if (now == null || (writes && !now.has(VmaFlags.WRITE))) {
                return FaultResult.AGAIN;
            }
            long wider = pte
                    | VmaRights.of(now, state.layout.geometry())
                    | Pte.ACCESSED
                    | (writes ? Pte.WRITE | Pte.DIRTY : 0);
            if (Pte.isOwn(pte) && writes && !Pte.has(pte, Pte.WRITE)) {
                return FaultResult.AGAIN;
            }
            boolean isWider = Leaf.compareAndSet(leaf, index, pte, wider);
            if (isWider) {
                if (state.isMarking && Pte.has(wider & ~pte, Pte.DIRTY) && Pte.isCached(pte)) {
                    state.markDirty(Pte.frame(pte), pte);
                }
                state.noteDirtied(pte, wider);
            }
            return isWider ? Fault.NONE : FaultResult.AGAIN;
        } finally {
            Leaf.unlock(leaf);
        }
    }
}
