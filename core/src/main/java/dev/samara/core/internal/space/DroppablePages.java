// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.DiscardPages;
import dev.samara.core.internal.pagewalk.DiscardPages.DroppedPages;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmaFlags;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Drops pages of droppable mappings when a fault finds no frame, before the machine reaps a space and before the fault
 * fails. Thread-safe: several threads may drop pages concurrently, and each frees what it claimed.
 *
 * <p>The spaces continue to run concurrently. The thread claims an entry, and before it empties the entry it checks
 * whether the page is pinned, whether the VMA was replaced, and whether the space has notifiers. If any of these is the
 * case, it restores the entry's page. It holds the leaf's lock throughout. So a mapping that replaces the VMA keeps its
 * pages, even while the operation that replaced the VMA is in flight. Nothing is dropped here from a space with a
 * notifier, because the notifier would have to be called and might wait. In such a space {@code MADV_PAGEOUT} still
 * drops pages.
 */
public final class DroppablePages {
    /** The stack that a drop needs after it claimed an entry, in frames. */
    private static final int DEPTH = 60;

    private DroppablePages() {}

    /**
     * Drops the droppable pages of one leaf of a page table, the first leaf found that contains any. May wait for CPUs
     * and for a grace period. Does nothing if the thread must not wait. The caller is not in a reader section and holds
     * no lock.
     *
     * @param spaces the spaces of the machine
     * @param memory the memory in which no frame is free
     * @return whether a frame was freed
     */
    public static boolean drop(Spaces spaces, MachineMemory memory) {
        if (!ThreadCpus.mayWait()) {
            return false;
        }
        List<Layout> layouts = spaces.inUse(memory);
        for (int i = 0; i < layouts.size(); i++) {
            if (hasPages(layouts.get(i)) && drop(layouts.get(i))) {
                return true;
            }
        }
        return false;
    }

    private static boolean hasPages(Layout layout) {
        layout.lock();
        try {
            return layout.counters().droppable != 0;
        } finally {
            layout.unlock();
        }
    }

    private static boolean drop(Layout layout) {
        StackReserve.check(DEPTH);
        if (!layout.lifetime().tryHold()) {
            return false;
        }
        try (DiscardPages discarding = DiscardPages.orNull(layout.memory(), Pte.NONE)) {
            return discarding != null && dropFirst(layout, discarding);
        } finally {
            layout.lifetime().release();
        }
    }

    private static boolean dropFirst(Layout layout, DiscardPages discarding) {
        VmArea vma = before(layout, layout.geometry().limit());
        boolean isDropped = false;
        while (vma != null && !isDropped && layout.notifiers().isEmpty()) {
            isDropped =
                    vma.has(VmaFlags.DROPPABLE) && !InFlightOperation.isInFlight(vma) && drop(layout, vma, discarding);
            vma = before(layout, vma.start());
        }
        return isDropped;
    }

    private static @Nullable VmArea before(Layout layout, long end) {
        return end == 0 ? null : layout.atOrBefore(end - 1);
    }

    private static boolean drop(Layout layout, VmArea vma, DiscardPages discarding) {
        PageTable table = layout.pages();
        DroppedPages dropped = new DroppedPages(layout.memory().frames()) {
            @Override
            protected boolean mustStay() {
                // Both are volatile reads, after the claim. The read of the detached mark pairs with VmArea.detach,
                // which happens before the next mapping installs a page here. The read of the notifiers pairs with the
                // registration of a notifier, which happens before its owner looks up pages.
                return vma.isDetached() || !layout.notifiers().isEmpty();
            }
        };
        AccessChecker.Revocation revocation = AccessChecker.beginIfChecked(
                layout.memory().accessChecker(), "drop", AccessChecker.ALL, table.number(), vma.start(), vma.end());
        try {
            long at = table.nextLeaf(vma.start(), vma.end());
            // The discard also holds the page table, because a thread of the machine ends the discard if this thread
            // fails.
            while (at != vma.end() && dropped.count() == 0 && discarding.hold(table)) {
                long stop = Addresses.lower(table.leafEnd(at), vma.end());
                discarding.discard(table, at, stop, dropped);
                discarding.finish();
                at = stop == vma.end() ? stop : table.nextLeaf(stop, vma.end());
            }
            return dropped.count() != 0;
        } finally {
            if (revocation != null) {
                revocation.close();
            }
        }
    }
}
