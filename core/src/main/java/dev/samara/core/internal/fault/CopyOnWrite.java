// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.op.AnonVmas;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.Magazine;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.VmaRights;
import dev.samara.core.internal.tlb.PageFlush;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Fault;
import dev.samara.core.vma.VmaFlags;

/**
 * Copy-on-write ({@code do_wp_page}, {@code do_cow_fault}).
 *
 * <p>A copy has these steps:
 *
 * <ol>
 *   <li>Marks the entry busy, after all checks, under the lock of the leaf.
 *   <li>Flushes the old translation. Otherwise a store that another CPU makes to the old page after the start of the
 *       copy would be lost.
 *   <li>Copies the page, in a reader section in which the entry was read as still busy. So the old page is not freed
 *       while it is read.
 *   <li>Sets the entry to the copy with a compare-and-set. If an operation has taken over the entry in the meantime, it
 *       has also taken over the old page, and the copy is dropped.
 * </ol>
 */
final class CopyOnWrite {
    /** Returned in place of the rights of a copy if the entry was not claimed. */
    private static final long NOT_CLAIMED = -1;

    private final FaultState state;

    CopyOnWrite(FaultState state) {
        this.state = state;
    }

    /**
     * Handles a write to a present entry of a private mapping that does not permit writing. After a forced write to a
     * mapping without the right to write, the entry still does not permit writing.
     */
    int copyOrReuse(VmArea vma, long address, int access, long[] leaf, int index, long pte) {
        boolean mayReuse = isSole(pte);
        state.checkMayWait();
        return mayReuse ? reuse(vma, address, access, leaf, index, pte) : copy(vma, address, access, leaf, index, pte);
    }

    /**
     * Returns whether no other mapping shares a page. A pin may have been made by a mapping that has ended since. So a
     * pin counts as sharing, unless no other mapping ever shared the page.
     */
    private boolean isSole(long pte) {
        return Pte.has(pte, Pte.EXCLUSIVE) || (Pte.isOwn(pte) && state.frames.isSole(Pte.frame(pte)));
    }

    /** Makes a private page writable in place, because no other mapping shares it ({@code wp_page_reuse}). */
    private int reuse(VmArea vma, long address, int access, long[] leaf, int index, long pte) {
        Leaf.lock(leaf);
        try {
            // Checked under the lock that a fork holds when it counts the child's mapping.
            if (!state.mayChange(leaf) || !isSole(pte)) {
                return FaultResult.AGAIN;
            }
            VmArea now = VmaRecheck.of(state.layout, vma, address, true);
            if (now == null || !PermissionCheck.mayCopy(now, access)) {
                return FaultResult.AGAIN;
            }
            long rights = VmaRights.most(now, state.layout.geometry());
            long wider = Pte.present(Pte.frame(pte), Pte.OWN | Pte.EXCLUSIVE | Pte.DIRTY | Pte.ACCESSED | rights);
            return Leaf.compareAndSet(leaf, index, pte, wider) ? Fault.NONE : FaultResult.AGAIN;
        } finally {
            Leaf.unlock(leaf);
        }
    }

    /** Copies the page of a present entry that does not permit writing ({@code wp_page_copy}). */
    @SuppressWarnings("try") // the resource is only closed
    private int copy(VmArea vma, long address, int access, long[] leaf, int index, long pte) {
        long page = state.layout.geometry().roundDown(address);
        long end = page + state.layout.geometry().pageSize();
        try (AccessChecker.Revocation revocation = AccessChecker.beginIfChecked(
                state.memory.accessChecker(),
                "copy on write",
                AccessChecker.ALL,
                state.table().number(),
                page,
                end)) {
            return copyPage(vma, address, access, leaf, index, pte);
        }
    }

    private int copyPage(VmArea vma, long address, int access, long[] leaf, int index, long pte) {
        // Not checked again under the lock, because the entry is claimed only if the reaper has left the page there.
        int stability = state.stability(vma);
        if (stability != Fault.NONE) {
            return stability;
        }
        AnonVmas.prepare(state.layout, vma);
        boolean fromZero = Pte.has(pte, Pte.ZERO);
        long mark = Pte.busy(pte, state.context.owner(), true);
        int fresh = fresh(fromZero);
        if (fresh == Frames.NONE) {
            return FaultResult.EXHAUSTED;
        }
        boolean done = false;
        try {
            long rights = mark(vma, address, access, leaf, index, pte, mark);
            if (rights == NOT_CLAIMED) {
                return FaultResult.AGAIN;
            }
            state.leaveSection();
            PageFlush.flushPage(state.memory, state.table(), leaf, address);
            state.reader.readLock();
            done = finish(leaf, index, mark, fresh, rights, !fromZero);
        } finally {
            try {
                end(leaf, index, mark, pte, done);
            } finally {
                if (!done) {
                    giveBack(fresh);
                }
            }
        }
        if (done && Pte.isOwn(pte)) {
            state.frames.drop(Pte.frame(pte), state.context.magazine());
        }
        if (done && !fromZero) {
            state.isCopy = true;
        }
        return done ? Fault.NONE : FaultResult.AGAIN;
    }

    /** Allocates a frame. Needs as much stack as {@link #giveBack}. */
    private int fresh(boolean isZeroed) {
        Magazine magazine = state.context.magazine();
        return isZeroed ? state.frames.allocate(magazine) : state.frames.allocateDirty(magazine);
    }

    private void giveBack(int fresh) {
        state.frames.drop(fresh, state.context.magazine());
    }

    /** Called on every exit, even if the store throws, so that no entry stays busy. */
    private void end(long[] leaf, int index, long mark, long before, boolean done) {
        if (!done) {
            Leaf.compareAndSet(leaf, index, mark, before);
        }
        state.memory.owners().leave(state.context.owner());
    }

    /**
     * Copies a page of a cache to an entry without a page. No flush is needed, because no CPU caches a translation of
     * this entry. The caller is in a reader section.
     */
    int copyFromCache(VmArea vma, long address, int access, FilePages cache, long page, int source) {
        long mark = Pte.busy(Pte.present(source, cache.pteBits()), state.context.owner(), true);
        // The leaf is allocated before the frame, because the frame would be lost if there were no memory for the leaf.
        long[] leaf = state.table().leafForInstall(address);
        if (leaf == null) {
            return FaultResult.NO_TABLE;
        }
        int index = state.table().indexOf(address);
        int fresh = fresh(false);
        if (fresh == Frames.NONE) {
            return FaultResult.EXHAUSTED;
        }
        boolean done = false;
        try {
            long rights = NOT_CLAIMED;
            Leaf.lock(leaf);
            try {
                VmArea now = state.mayChange(leaf) ? VmaRecheck.of(state.layout, vma, address, true) : null;
                if (now != null
                        && PermissionCheck.mayCopy(now, access)
                        && state.frames.isCached(source, cache.number(), page)
                        && Leaf.fill(leaf, index, mark)) {
                    rights = VmaRights.most(now, state.layout.geometry());
                }
            } finally {
                Leaf.unlock(leaf);
            }
            if (rights == NOT_CLAIMED) {
                return FaultResult.AGAIN;
            }
            done = finish(leaf, index, mark, fresh, rights, true);
            if (done) {
                state.isCopy = true;
            }
            return done ? Fault.NONE : FaultResult.AGAIN;
        } finally {
            try {
                end(leaf, index, mark, Pte.NONE, done);
            } finally {
                if (!done) {
                    giveBack(fresh);
                }
            }
        }
    }

    /** Claims the entry. Returns the rights of the copy, or {@link #NOT_CLAIMED}. */
    private long mark(VmArea vma, long address, int access, long[] leaf, int index, long pte, long mark) {
        Leaf.lock(leaf);
        try {
            VmArea now = state.mayChange(leaf) ? VmaRecheck.of(state.layout, vma, address, true) : null;
            if (now == null || !PermissionCheck.mayCopy(now, access) || now.has(VmaFlags.SHARED)) {
                return NOT_CLAIMED;
            }
            return Leaf.compareAndSet(leaf, index, pte, mark)
                    ? VmaRights.most(now, state.layout.geometry())
                    : NOT_CLAIMED;
        } finally {
            Leaf.unlock(leaf);
        }
    }

    /** Copies the page if {@code copies}, and installs it. The caller is in a reader section. */
    private boolean finish(long[] leaf, int index, long mark, int fresh, long rights, boolean copies) {
        if (copies) {
            if (Leaf.get(leaf, index) != mark) {
                return false;
            }
            state.frames.store().copy(Pte.frame(mark), fresh);
        }
        long copied = Pte.present(fresh, Pte.OWN | Pte.EXCLUSIVE | Pte.DIRTY | Pte.ACCESSED | rights);
        return Leaf.compareAndSet(leaf, index, mark, copied);
    }
}
