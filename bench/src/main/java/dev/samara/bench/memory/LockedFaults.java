// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.memory;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.page.TableReserve;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Vma;
import dev.samara.maple.Snapshot;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/**
 * The faults of an address space that stores its mappings in a sorted map with a read-write lock. A fault holds the
 * lock for reading until the page is installed, so it need not recheck anything. It does the same work in the page
 * table as a fault of the library.
 */
final class LockedFaults {
    private final TreeMap<Long, Vma> vmas = new TreeMap<>();
    private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
    private final PageTable table;
    private final Frames frames;
    private final FilePages cache;
    private final PageTableContext context;
    private final int window;

    LockedFaults(Bed bed) {
        table = bed.layout.pages();
        frames = bed.memory.frames();
        cache = bed.cache;
        context = bed.context;
        window = bed.kind.window;
        Snapshot<VmArea> snapshot = bed.layout.snapshot();
        snapshot.forEach((first, last, vma) -> vmas.put(first, vma));
    }

    int fault(long address, int access) {
        lock.readLock().lock();
        try {
            Vma vma = find(address);
            if (vma == null) {
                return Fault.MAPERR;
            }
            if ((vma.flags() & access) != access) {
                return Fault.ACCERR;
            }
            return vma.isAnonymous() ? anonymous(address, access) : ofFile(vma, address);
        } finally {
            lock.readLock().unlock();
        }
    }

    private @Nullable Vma find(long address) {
        Map.Entry<Long, Vma> entry = vmas.floorEntry(address);
        return entry != null && entry.getValue().contains(address) ? entry.getValue() : null;
    }

    private int anonymous(long address, int access) {
        boolean writes = (access & Protection.WRITE) != 0;
        int frame = writes ? frames.allocate(context.magazine()) : Frames.ZERO;
        if (frame == Frames.NONE) {
            return Fault.OUT_OF_MEMORY;
        }
        long bits = Pte.READ | Pte.ACCESSED | (writes ? Pte.OWN | Pte.EXCLUSIVE | Pte.WRITE | Pte.DIRTY : Pte.ZERO);
        long[] leaf = table.leafFromReserve(address, TableReserve.NONE);
        Leaf.lock(leaf);
        try {
            Leaf.fill(leaf, table.indexOf(address), Pte.present(frame, bits));
            return Fault.NONE;
        } finally {
            Leaf.unlock(leaf);
        }
    }

    private int ofFile(Vma vma, long address) {
        long page = (vma.pageOffset() + ((address - vma.start()) >>> Bed.PAGE_SHIFT)) & -window;
        long[] leaf = table.leafFromReserve(address, TableReserve.NONE);
        int index = table.indexOf(address) & -window;
        Leaf.lock(leaf);
        try {
            for (int i = 0; i < window; i++) {
                int frame = cache.frameAt(page + i);
                if (frame != Frames.NONE && frames.isCached(frame, cache.number(), page + i)) {
                    Leaf.fill(leaf, index + i, Pte.present(frame, Pte.READ | Pte.ACCESSED));
                }
            }
            return Fault.NONE;
        } finally {
            Leaf.unlock(leaf);
        }
    }
}
