// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.internal.cpu.CpuOwner;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.PageTable.TableReserve;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.vma.Geometry;

/** A page table in which pages are installed without a VMA. */
public final class BarePageTable implements AutoCloseable {
    public static final long PAGE = 4096;
    public static final long OWN = Pte.OWN | Pte.EXCLUSIVE | Pte.READ | Pte.WRITE;

    final MachineMemory memory;
    public final PageTable pages = new PageTable(Geometry.LINUX_X86_64);
    public final PageTableContext context;

    public BarePageTable(MachineMemory memory) {
        this.memory = memory;
        context = memory.contexts.newContext("filler");
    }

    /** Installs a private page and returns its frame. */
    public int fill(long address) {
        int frame = memory.frames.allocate(context.magazine);
        if (frame == Frames.NONE) {
            throw new IllegalStateException("no frame is left");
        }
        if (!put(address, Pte.present(frame, OWN))) {
            memory.frames.drop(frame, context.magazine);
            return Frames.NONE;
        }
        return frame;
    }

    /** Installs an entry, unless one is present. */
    public boolean put(long address, long pte) {
        for (; ; ) {
            long[] leaf = pages.leafFromReserve(address, TableReserve.NONE);
            Leaf.lock(leaf);
            try {
                if (!Leaf.isDead(leaf)) {
                    return Leaf.fill(leaf, pages.indexOf(address), pte);
                }
            } finally {
                Leaf.unlock(leaf);
            }
        }
    }

    public int inUse() {
        return memory.frames.inUse();
    }

    @Override
    public void close() {
        memory.contexts.discard(context);
    }

    /** Returns a CPU of this thread in GUEST. */
    public CpuTlb guest() {
        CpuTlb cpu = new CpuTlb(
                memory.cpus,
                new CpuOwner(memory, message -> {}),
                memory,
                1,
                new SoftTlb(pages.pageShift, 16),
                memory.frames,
                thrown -> {
                    throw new IllegalStateException(thrown);
                });
        cpu.switchTo(pages);
        cpu.enterGuest();
        return cpu;
    }

    /** Returns a CPU of this thread in GUEST that has a page's translation. */
    public CpuTlb guest(long address) {
        CpuTlb cpu = guest();
        if (cpu.walk(address, Pte.READ) < 0) {
            throw new IllegalStateException("nothing to be read at 0x" + Long.toHexString(address));
        }
        return cpu;
    }
}
