// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.RetiringThread;
import dev.samara.core.internal.sync.Rcu;
import dev.samara.core.internal.trace.BegunEvent;
import dev.samara.core.internal.trace.Tracepoints;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Fault;
import dev.samara.core.vma.VmaFlags;
import org.jspecify.annotations.Nullable;

/**
 * The state that the steps of a thread's faults share: the space that is served, its memory, and notes about the
 * current fault. Used by one thread at a time.
 */
final class FaultState {
    final MachineMemory memory;
    final Frames frames;
    final PageTableContext context;
    final Rcu.Reader reader;
    final FaultReports reports;
    final int pageShift;

    /** The layout of the space that is served; before the first fault there, the layout of closed references. */
    Layout layout;

    /** Whether a backing had to fetch data for the current fault. */
    boolean isMajor;

    /** Whether the current fault copied a page for a write. */
    boolean isCopy;

    /**
     * Whether the fault has already called {@code Frames.balanceDirty}, or must not wait for the writes. Then the fault
     * may make a page dirty.
     */
    boolean isBalanced;

    /** Whether the fault has waited for a fork, and keeps the next one waiting until it leaves its reader section. */
    boolean isPassing;

    /** Whether write faults mark a clean page dirty although its entry is already writable. */
    boolean isMarking;

    FaultState(Layout layout, PageTableContext context) {
        this.layout = layout;
        this.context = context;
        memory = layout.memory();
        frames = memory.frames();
        reader = context.reader();
        reports = new FaultReports(layout.host(), reader);
        pageShift = layout.geometry().pageShift();
    }

    /** Returns the page table of the space that is served. */
    PageTable table() {
        return layout.pages();
    }

    /** Leaves the reader section, before a wait or at the end of an attempt. */
    void leaveSection() {
        endPass();
        reader.readUnlock();
    }

    /** Lets the next fork narrow entries. */
    void endPass() {
        if (isPassing) {
            isPassing = false;
            table().endPass();
        }
    }

    /**
     * Returns whether the fault may change an entry of a leaf now: the leaf is alive, and no fork is narrowing entries.
     * Each change of an entry checks this first. The caller holds the lock of the leaf.
     *
     * <p>A fault in a callback of a retirement does not wait for a fork, because the fork may wait for that retirement.
     * So a child need not have its stores.
     */
    boolean mayChange(long[] leaf) {
        return !Leaf.isDead(leaf) && (table().forking() == null || RetiringThread.range() != null);
    }

    /**
     * Returns whether a mapping may get a page ({@code check_stable_address_space}). A fault that is about to fill an
     * empty entry of anonymous memory calls this under the lock of the leaf, for the VMA that is mapped there.
     *
     * @return {@link Fault#NONE}; ADRERR if the VMA is private and the space unstable; {@link FaultResult#AGAIN} if the
     *     VMA was replaced in the meantime
     */
    int stability(VmArea vma) {
        if (vma.has(VmaFlags.SHARED) || !layout.reaping().isUnstable()) {
            return Fault.NONE;
        }
        // Read after the reap's mark, so that both were true at the same instant, or else the fault starts over.
        return vma.isDetached() ? FaultResult.AGAIN : Fault.ADRERR;
    }

    /**
     * Checks that the thread may wait. The faulting CPU has left GUEST, and the attempt leaves its reader section
     * before it waits, but the thread may have other CPUs in GUEST.
     */
    void checkMayWait() {
        Cpus.checkMayWait("a fault that may have to wait", reader);
    }

    /** Records the end of a step that may have waited. The caller is not in a reader section. */
    void record(@Nullable BegunEvent recorded, String cause, long address, int access, int result) {
        if (recorded != null) {
            Tracepoints.endFault(
                    recorded, layout.lifetime().identity().number(), address, access, cause, result, isMajor);
        }
    }

    /** Returns whether the backing of a VMA is notified of first writes through it. */
    static boolean noticesWrites(VmArea vma) {
        BackingTraits traits = vma.traits();
        return traits != null && traits.noticesWrites() && vma.has(VmaFlags.SHARED);
    }

    /**
     * Marks a page that a fault makes dirty ({@code fault_dirty_shared_page}, {@code follow_page_pte}), so that all its
     * mappings report it as dirty. A store through an existing entry marks only that entry, even if the fault makes the
     * entry writable; on Linux, mprotect has already made it writable. A page that is saved to a file needs no mark
     * besides the entry's dirty bit, which counts the page. The caller holds the lock of the leaf.
     */
    void markDirty(int frame, long pte) {
        if (Pte.has(pte, Pte.SHMEM)) {
            frames.setDirty(frame);
        }
    }

    /**
     * Counts the page of a file whose entry a fault has made dirty, for the limit of dirty pages. Each fault that sets
     * the mark calls this. The caller holds the lock of the leaf.
     *
     * @param before the entry before
     * @param after the entry now
     */
    void noteDirtied(long before, long after) {
        if (Pte.has(after & ~before, Pte.DIRTY) && Pte.isCached(after)) {
            frames.noteDirtied(Pte.frame(after));
        }
    }

    long pageOf(VmArea vma, long address) {
        return vma.pageOffset() + ((address - vma.start()) >>> pageShift);
    }
}
