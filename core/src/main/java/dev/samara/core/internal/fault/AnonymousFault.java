// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import dev.samara.core.internal.op.AnonVmas;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.VmaRights;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.VmaFlags;
import org.jspecify.annotations.Nullable;

/**
 * Faults of anonymous memory at an entry without a page ({@code do_anonymous_page}): a read maps the shared zero page,
 * a write maps a fresh frame. Where the machine {@linkplain
 * dev.samara.core.internal.memory.MachineMemory#forbidsZeroPage forbids} the zero page, a read also maps a fresh frame.
 */
final class AnonymousFault {
    private final FaultState state;
    private final Frames frames;
    private final PageTableContext context;
    private final boolean forbidsZero;

    /** Whether this thread knows that the zero page exists. */
    private boolean hasZero;

    AnonymousFault(FaultState state) {
        this.state = state;
        frames = state.frames;
        context = state.context;
        forbidsZero = state.memory.forbidsZeroPage();
    }

    /**
     * Maps a page. The caller is in a reader section.
     *
     * @param known the leaf that contains the page's entry, or null if there was none
     */
    int map(VmArea vma, long address, int access, long @Nullable [] known) {
        boolean takesFrame = forbidsZero || (access & Protection.WRITE) != 0;
        boolean prepares = takesFrame || isHugeCandidate(vma, address);
        if (prepares) {
            AnonVmas.prepare(state.layout, vma);
        }
        return takesFrame ? mapFresh(vma, address, access, known) : mapZero(vma, address, prepares, known);
    }

    /**
     * Returns whether Linux would use a huge page here, for which even a read prepares an {@code anon_vma}. The VMA
     * must have the HUGEPAGE flag and contain the whole range of the huge page.
     */
    private boolean isHugeCandidate(VmArea vma, long address) {
        if (!vma.has(VmaFlags.HUGEPAGE)) {
            return false;
        }
        long size = state.layout.geometry().hugeSize();
        long start = address & -size;
        return !Addresses.isBelow(start, vma.start()) && !Addresses.isBelow(vma.end(), start + size);
    }

    private int mapZero(VmArea vma, long address, boolean isPrepared, long @Nullable [] known) {
        if (!hasZero) {
            hasZero = frames.makeZero();
            if (!hasZero) {
                return FaultResult.EXHAUSTED;
            }
        }
        return install(vma, address, Protection.READ, isPrepared, Frames.ZERO, Pte.ZERO | Pte.ACCESSED, known);
    }

    private int mapFresh(VmArea vma, long address, int access, long @Nullable [] known) {
        int frame = frames.allocate(context.magazine());
        if (frame == Frames.NONE) {
            return FaultResult.EXHAUSTED;
        }
        int result = FaultResult.AGAIN;
        try {
            result = install(vma, address, access, true, frame, Pte.OWN | Pte.EXCLUSIVE | Pte.ACCESSED, known);
            return result;
        } finally {
            if (result != Fault.NONE) {
                frames.drop(frame, context.magazine());
            }
        }
    }

    /** Returns {@link Fault#NONE} if the page is installed. */
    private int install(
            VmArea vma, long address, int access, boolean isPrepared, int frame, long bits, long @Nullable [] known) {
        boolean writes = (access & Protection.WRITE) != 0;
        PageTable table = state.table();
        long[] leaf = known != null ? known : table.leafForInstall(address);
        if (leaf == null) {
            return FaultResult.NO_TABLE;
        }
        Leaf.lock(leaf);
        try {
            VmArea now = state.mayChange(leaf) ? VmaRecheck.of(state.layout, vma, address, isPrepared) : null;
            if (now == null || (writes && !PermissionCheck.mayCopy(now, access))) {
                return FaultResult.AGAIN;
            }
            // Checked under the lock that the reaper acquires after it has set the mark. Either the reaper finds this
            // page, or this check finds the mark.
            int stability = state.stability(now);
            if (stability != Fault.NONE) {
                return stability;
            }
            long pte = Pte.present(frame, bits | VmaRights.of(now, state.layout.geometry()));
            if (frame != Frames.ZERO && (writes || now.has(VmaFlags.WRITE))) {
                // Linux makes a new page writable, and marks it dirty, even if the first access is a read.
                pte |= Pte.DIRTY | VmaRights.most(now, state.layout.geometry());
            }
            return Leaf.fill(leaf, table.indexOf(address), pte) ? Fault.NONE : FaultResult.AGAIN;
        } finally {
            Leaf.unlock(leaf);
        }
    }
}
