// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.shootdown;

import dev.samara.core.internal.cpu.CpuOwner;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.cpu.Shootdowns;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.page.TableReserve;
import dev.samara.core.internal.sync.Backlog;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.Rcu;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.internal.tlb.PageFlush;
import dev.samara.core.internal.tlb.SoftTlb;

/**
 * A page table below the facade, for a thread that shoots down a page and a peer that caches the page's translation. It
 * runs only the shootdown protocol, without an operation.
 */
final class Pair {
    /** The page that is shot down. The peer loaded its translation once. */
    private static final long SHOT = 0x1000_0000_0000L;

    /** The pages that the peer reads; all of them stay in its TLB. */
    private static final int PAGES = 8;

    private static final int PAGE_SHIFT = 12;
    private static final int OFFSETS = (1 << PAGE_SHIFT) - 1;
    private static final int CHUNK_SHIFT = 10;
    private static final int MOST_FRAMES = 1 << CHUNK_SHIFT;
    private static final int TLB_ENTRIES = 256;

    private final MachineMemory memory;
    private final PageTable table = new PageTable(CpuThreads.GEOMETRY);
    private final long[] leaf = table.leafFromReserve(SHOT, TableReserve.NONE);
    private final DirectFrames store;

    /** Installs the pages. */
    Pair() {
        store = new DirectFrames(PAGE_SHIFT, CHUNK_SHIFT, MOST_FRAMES + 1);
        Frames frames = new Frames(store, PAGE_SHIFT, CHUNK_SHIFT, MOST_FRAMES, false);
        Rcu rcu = new Rcu(new Rcu.Settings(
                Runnable::run,
                new Housekeeping(null, Runnable::run, moved -> {}),
                new Backlog(1 << 16, Backlog.AtBound.WAIT, null),
                Long.MAX_VALUE,
                message -> {}));
        memory = new MachineMemory(
                frames,
                rcu,
                new Shootdowns(new Cpus(), Long.MAX_VALUE, message -> {}),
                1,
                MachineMemory.UNCHECKED,
                null);
        PageTableContext filler = memory.contexts().newContext("filler");
        Leaf.lock(leaf);
        try {
            for (int i = 0; i <= PAGES; i++) {
                int frame = frames.allocate(filler.magazine());
                Leaf.fill(leaf, i, Pte.present(frame, Pte.OWN | Pte.EXCLUSIVE | Pte.READ));
            }
        } finally {
            Leaf.unlock(leaf);
        }
        memory.contexts().discard(filler);
    }

    /**
     * Claims a CPU for the calling thread, outside of GUEST. Later shootdowns wait for this CPU whenever it is in
     * GUEST.
     */
    CpuTlb claim() {
        CpuTlb cpu = new CpuTlb(
                memory.cpus(),
                new CpuOwner(memory, message -> {}),
                memory,
                1,
                PAGE_SHIFT,
                new SoftTlb(PAGE_SHIFT, TLB_ENTRIES),
                thrown -> {
                    throw new IllegalStateException(thrown);
                });
        cpu.switchTo(table);
        cpu.enterGuest();
        for (int i = 0; i <= PAGES; i++) {
            if (cpu.fill().walk(SHOT + ((long) i << PAGE_SHIFT), Pte.READ) == SoftTlb.MISS) {
                throw new IllegalStateException("a page is not there");
            }
        }
        cpu.leaveGuest();
        return cpu;
    }

    /** Shoots down the page: makes each CPU in GUEST that ever loaded the translation drop it. */
    void shoot() {
        PageFlush.flushPage(memory, table, leaf, SHOT);
    }

    /** Returns how many CPUs shootdowns waited for. */
    long targets() {
        return memory.shootdowns().targets();
    }

    /**
     * Reads, in GUEST and through the TLB, from all pages except the one that is shot down.
     *
     * @param from the number of the first load; numbering continues from the previous call
     * @return the sum, always 0
     */
    long loads(CpuTlb cpu, int from, int count) {
        SoftTlb tlb = cpu.tlb();
        long sum = 0;
        for (int i = from; i < from + count; i++) {
            long page = 1L + (i & (PAGES - 1));
            long address = SHOT + (page << PAGE_SHIFT) + ((long) i * Long.BYTES & OFFSETS);
            long physical = tlb.probe(address, Long.BYTES, Pte.READ);
            if (physical == SoftTlb.MISS) {
                physical = cpu.fill().walk(address, Pte.READ);
            }
            sum += store.get(physical, Long.BYTES);
        }
        return sum;
    }
}
