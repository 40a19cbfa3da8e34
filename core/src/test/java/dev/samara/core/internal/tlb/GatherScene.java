// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.cpu.CpuCounts;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.memory.SmallMemory;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.PageWalk;
import dev.samara.core.internal.pagewalk.UnmapPages;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * A space with two written pages and two CPUs in GUEST, each of which has the translations of both pages; operations on
 * the space that use a given gather; and a check of what the CPUs do afterwards.
 */
final class GatherScene implements AutoCloseable {
    /** Pages in two leaves and in different slots of a TLB. */
    private static final long[] PAGES = {0x40_0000, 0x80_1000};

    final MachineMemory memory = SmallMemory.of(64);
    private final BarePageTable table = new BarePageTable(memory);
    private final List<LockStepCpu> cpus = List.of(new LockStepCpu(table), new LockStepCpu(table));

    /** The reuse stamps of the pages' frames, by frame. */
    private final Map<Integer, Long> stamps = new HashMap<>();

    /** What the scan found in the written pages, by address. */
    private final Map<Long, Long> scanned = new HashMap<>();

    GatherScene() {
        for (long page : PAGES) {
            int frame = table.fill(page);
            stamps.put(frame, memory.frames().reuseStamp(frame));
            cpus.forEach(cpu -> store(cpu, page, 1));
        }
    }

    TlbContext context() {
        return table.pages.context();
    }

    /** Makes a store in GUEST, through the TLB if it contains the translation. */
    private void store(LockStepCpu cpu, long address, long value) {
        long known = cpu.step(of -> of.tlb().probe(address, 8, Pte.WRITE));
        long place = known == SoftTlb.MISS ? cpu.step(of -> of.fill().walk(address, Pte.WRITE)) : known;
        if (place == SoftTlb.MISS) {
            throw new IllegalStateException("a page fault");
        }
        memory.frames().store().put(frameOf(place), (int) (place % BarePageTable.PAGE), 8, value);
    }

    private static int frameOf(long place) {
        return (int) (place / BarePageTable.PAGE);
    }

    /** Makes both CPUs LAZY, and releases the reference to the users. */
    void end() {
        cpus.forEach(LockStepCpu::enterLazy);
        if (!context().users().put()) {
            throw new IllegalStateException("a user is left");
        }
    }

    /**
     * Creates a state that the counts exclude: one CPU uses the page table of a space without users. The other CPU
     * leaves the space.
     */
    void borrow() {
        cpus.get(0).leave();
        context().users().put();
        // The CPU that stays is still counted.
        if (!CpuCounts.unuse(context().users())) {
            throw new IllegalStateException("a user is left");
        }
    }

    /** Unmaps and frees all pages, as a reaper or the end of the space does. */
    void unmap(TlbGather begun) {
        try (TlbGather gather = begun) {
            UnmapPages.unmap(new PageWalk(table.pages), 0, GatherIntent.TASK_SIZE, gather);
            invalidate(gather);
            gather.free();
        }
    }

    /**
     * Clears the dirty bits, so that entries no longer permit unnoticed writes, and then reads the pages that were
     * written.
     */
    void scan(TlbGather begun) {
        List<Long> written = new ArrayList<>();
        try (TlbGather gather = begun) {
            for (long page : PAGES) {
                long[] leaf = leafOf(page);
                Leaf.lock(leaf);
                gather.deferFlush(table.pages, leaf, page, page + BarePageTable.PAGE, MmuNotifier.Reason.OBSERVED);
                long pte = entryOf(page);
                if (Pte.has(pte, Pte.DIRTY)
                        && Leaf.compareAndSet(leaf, table.pages.indexOf(page), pte, pte & ~Pte.DIRTY)) {
                    written.add(page);
                }
                Leaf.unlock(leaf);
            }
            invalidate(gather);
        }
        written.forEach(page -> scanned.put(page, valueOf(page)));
    }

    /** Makes the CPUs write again. */
    void write() {
        for (long page : PAGES) {
            cpus.forEach(cpu -> store(cpu, page, 2));
        }
    }

    /** Invalidates; between two steps, every CPU in GUEST polls. */
    private void invalidate(TlbGather gather) {
        while (!gather.pollInvalidation()) {
            cpus.forEach(LockStepCpu::poll);
        }
    }

    private long[] leafOf(long page) {
        return Objects.requireNonNull(table.pages.leaf(page));
    }

    private long entryOf(long page) {
        return Leaf.get(leafOf(page), table.pages.indexOf(page));
    }

    private long valueOf(long page) {
        return memory.frames().store().get(Pte.frame(entryOf(page)), 0, 8);
    }

    /** Returns whether a CPU can switch back to the space. */
    boolean comesBack() {
        return cpus.stream().anyMatch(LockStepCpu::comeBack);
    }

    /** Returns the pages that a CPU in GUEST uses after free, and the pages with a write that no scan finds. */
    List<String> losses() {
        List<String> losses = new ArrayList<>();
        for (LockStepCpu cpu : cpus) {
            for (long page : PAGES) {
                long place = cpu.step(of -> of.isGuest() ? of.tlb().probe(page, 8, Pte.READ) : SoftTlb.MISS);
                if (place != SoftTlb.MISS
                        && memory.frames().reuseStamp(frameOf(place))
                                != Objects.requireNonNull(stamps.get(frameOf(place)))) {
                    losses.add("cpu " + cpus.indexOf(cpu) + " in GUEST translates " + Long.toHexString(page)
                            + " to a frame that was freed");
                }
            }
        }
        scanned.forEach((page, value) -> {
            if (!Pte.has(entryOf(page), Pte.DIRTY) && valueOf(page) != value) {
                losses.add("no scan finds the last write to " + Long.toHexString(page));
            }
        });
        losses.sort(null);
        return losses;
    }

    @Override
    public void close() {
        cpus.forEach(LockStepCpu::close);
        table.close();
    }
}
