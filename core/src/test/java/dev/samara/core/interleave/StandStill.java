// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.MachineInternals;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.internal.tlb.Memory;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Compares the TLBs of CPUs in GUEST with page tables and frames, while all threads stand still (I1 to I3). It reads
 * TLBs, entries and the words of frames, and nothing whose reader would have to wait.
 */
final class StandStill {
    private static final long PAGE = SpaceScenario.PAGE;
    private static final int PAGE_SHIFT = SpaceScenario.LINUX.pageShift();
    private static final long USES = (1L << 56) - 1;
    private static final int RECORD_SHIFT = 2;

    private static final Field CPU_TLB = field(Cpu.class, "tlb");
    private static final Field TABLE = field(CpuTlb.class, "table");
    private static final Field RECORDS = field(Frames.class, "records");
    private static final Field CHUNK_SHIFT = field(Frames.class, "chunkShift");

    /** A translation in a TLB. */
    private record Hit(Cpu cpu, PageTable table, long address) {}

    /** A frame, and the number of times that it was freed. */
    private record Use(int frame, long stamp) {}

    /** A right that a call has taken away, and that no other call of the scenario gives. */
    private record Revoked(PageTable table, long start, long end, long rights) {}

    private final List<Cpu> cpus = new ArrayList<>();
    private final List<Revoked> revoked = new ArrayList<>();
    private final List<Long> addresses;
    private final Frames frames;
    private final Map<Hit, Use> known = new HashMap<>();

    StandStill(AddressSpace space, List<Long> addresses) {
        this.addresses = addresses;
        Memory memory = MachineInternals.layoutOf(space).memory();
        frames = memory.frames();
    }

    void add(Cpu cpu) {
        cpus.add(cpu);
    }

    void remove(Cpu cpu) {
        cpus.remove(cpu);
    }

    /** A call that takes rights away has returned. */
    void revoked(AddressSpace space, long start, long end, long rights) {
        revoked.add(new Revoked(tableOf(space), start, end, rights));
    }

    /** Judges the state between two steps. */
    void judge() {
        for (long address : addresses) {
            Map<PageTable, Integer> translated = new HashMap<>();
            for (Cpu cpu : cpus) {
                CpuTlb tlb = (CpuTlb) get(CPU_TLB, cpu);
                PageTable table = tlb == null || !tlb.isGuest() ? null : (PageTable) get(TABLE, tlb);
                if (tlb == null || table == null) {
                    continue;
                }
                long load = tlb.tlb().probe(address, 1, Pte.READ);
                long store = tlb.tlb().probe(address, 1, Pte.WRITE);
                long hit = load != CpuTlb.MISS ? load : store;
                if (hit == CpuTlb.MISS) {
                    known.remove(new Hit(cpu, table, address));
                    continue;
                }
                int frame = (int) (hit >>> PAGE_SHIFT);
                inUse(cpu, table, address, frame);
                one(translated, cpu, table, address, frame);
                allowed(
                        cpu,
                        table,
                        address,
                        (load == CpuTlb.MISS ? 0 : Pte.READ) | (store == CpuTlb.MISS ? 0 : Pte.WRITE));
            }
        }
    }

    /** I3: the frame is in use, and was not freed since the TLB has it. */
    private void inUse(Cpu cpu, PageTable table, long address, int frame) {
        Use use = new Use(frame, frames.reuseStamp(frame));
        Use before = known.put(new Hit(cpu, table, address), use);
        boolean isFreed = before != null && before.frame() == frame && before.stamp() != use.stamp();
        if (isFreed || (frame != Frames.ZERO && (word(frame) & USES) == 0)) {
            throw new AssertionError("I3: " + cpu + " translates " + Long.toHexString(address) + " to frame " + frame
                    + ", which was freed");
        }
    }

    /** I1: all CPUs and the page table have one frame. */
    private static void one(Map<PageTable, Integer> translated, Cpu cpu, PageTable table, long address, int frame) {
        long pte = table.get(address);
        Integer other = translated.putIfAbsent(table, frame);
        if (other == null && Pte.isPresent(pte)) {
            other = Pte.frame(pte);
        }
        if (other != null && other != frame) {
            throw new AssertionError("I1: " + cpu + " translates " + Long.toHexString(address) + " to frame " + frame
                    + ", and another CPU or the page table to frame " + other);
        }
    }

    /** I2: no call that has returned has taken the right away. */
    private void allowed(Cpu cpu, PageTable table, long address, long rights) {
        for (Revoked call : revoked) {
            if (call.table() == table
                    && address >= call.start()
                    && address < call.end()
                    && (rights & call.rights()) != 0) {
                throw new AssertionError("I2: " + cpu + " has rights " + rights + " to " + Long.toHexString(address)
                        + " after the return of the call that took them");
            }
        }
    }

    /** Judges the state after all calls: a TLB has no right that the entry lacks, an entry none that the VMA lacks. */
    void judgeQuiet(AddressSpace space) {
        judge();
        if (!MachineInternals.layoutOf(space).inFlight().isEmpty()) {
            // An asynchronous call goes on.
            return;
        }
        PageTable table = tableOf(space);
        for (long address : addresses) {
            long pte = table.get(address);
            long entry = Pte.isPresent(pte) ? pte & Pte.RIGHTS : 0;
            Vma vma = space.find(address);
            long mapped = vma == null ? 0 : (vma.flags() & VmaFlags.ACCESS) << 1;
            if ((entry & ~mapped) != 0) {
                throw new AssertionError(
                        "I2: " + Long.toHexString(address) + " has the entry " + Pte.toString(pte) + " in " + vma);
            }
            for (Cpu cpu : cpus) {
                CpuTlb tlb = (CpuTlb) get(CPU_TLB, cpu);
                if (tlb == null || !tlb.isGuest() || get(TABLE, tlb) != table) {
                    continue;
                }
                for (long right : new long[] {Pte.READ, Pte.WRITE}) {
                    long hit = tlb.tlb().probe(address, 1, right);
                    if (hit != CpuTlb.MISS && ((entry & right) == 0 || Pte.frame(pte) != (int) (hit >>> PAGE_SHIFT))) {
                        throw new AssertionError("I2: " + cpu + " translates " + Long.toHexString(address)
                                + ", whose entry is " + Pte.toString(pte));
                    }
                }
            }
        }
    }

    static PageTable tableOf(AddressSpace space) {
        return MachineInternals.layoutOf(space).pages();
    }

    /** The pages of a range. */
    static List<Long> pages(long start, int count) {
        List<Long> pages = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            pages.add(start + i * PAGE);
        }
        return pages;
    }

    private long word(int frame) {
        int chunkShift = (int) Objects.requireNonNull(get(CHUNK_SHIFT, frames));
        long[][] records = (long[][]) Objects.requireNonNull(get(RECORDS, frames));
        return records[frame >>> chunkShift][(frame & (1 << chunkShift) - 1) << RECORD_SHIFT];
    }

    private static Field field(Class<?> of, String name) {
        try {
            Field field = of.getDeclaredField(name);
            field.setAccessible(true);
            return field;
        } catch (NoSuchFieldException renamed) {
            throw new ExceptionInInitializerError(renamed);
        }
    }

    private static @Nullable Object get(Field field, Object of) {
        try {
            return field.get(of);
        } catch (IllegalAccessException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
