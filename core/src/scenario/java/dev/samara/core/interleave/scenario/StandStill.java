// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.scenario;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.MachineInternals;
import dev.samara.core.internal.cpu.CpuState;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.space.Divisions;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.internal.tlb.SoftTlb;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/**
 * Compares the TLBs of CPUs in GUEST with page tables and frames, while all threads are stopped (I1 to I3). It reads
 * only TLBs, entries and the words of frames, because other reads might have to wait.
 */
public final class StandStill {
    private static final long PAGE = SpaceScenario.PAGE;
    private static final int PAGE_SHIFT = SpaceScenario.LINUX.pageShift();
    private static final long USES = (1L << 56) - 1;
    private static final int RECORD_SHIFT = 2;

    private static final Field CPU_TLB = field(Cpu.class, "tlb");
    private static final Field STATE = field(CpuTlb.class, "state");
    private static final Field RECORDS = field(Frames.class, "records");
    private static final Field CHUNK_SHIFT = field(Frames.class, "chunkShift");

    /** A CPU's translations of one page table when they were last judged, by the index of the address. */
    private static final class Seen {
        final int[] frames;
        final long[] stamps;

        Seen(int addresses) {
            frames = new int[addresses];
            stamps = new long[addresses];
            Arrays.fill(frames, Frames.NONE);
        }
    }

    /** A CPU, and its TLB if it is in GUEST. */
    private static final class Judged {
        final Cpu cpu;
        final IdentityHashMap<PageTable, Seen> seen = new IdentityHashMap<>();

        @Nullable
        CpuTlb tlb;

        @Nullable
        PageTable table;

        Judged(Cpu cpu) {
            this.cpu = cpu;
        }

        boolean isGuest() {
            CpuTlb of = (CpuTlb) get(CPU_TLB, cpu);
            tlb = of;
            table = of == null || !of.isGuest() ? null : tableOf((CpuState) get(STATE, of));
            return table != null;
        }

        /** Returns the page table of the CPU's context, in GUEST or not; null if there is no context. */
        @Nullable
        PageTable loadedTable() {
            CpuState state = tlb == null ? null : (CpuState) get(STATE, tlb);
            TlbContext context = state == null ? null : state.context();
            return context == null ? null : (PageTable) context.root();
        }
    }

    /** Returns the page table of the context. The CPU itself knows the table only after its first walk. */
    private static @Nullable PageTable tableOf(@Nullable CpuState state) {
        TlbContext context = Objects.requireNonNull(state).context();
        return (PageTable) Objects.requireNonNull(context).root();
    }

    /** A right that a call removed, and that no other call of the scenario grants. */
    private record Revoked(
            PageTable table,
            long start,
            long end,
            long rights,
            @Nullable Future<?> completion) {
        boolean isTaken() {
            return completion == null || completion.isDone();
        }
    }

    private final List<Judged> cpus = new ArrayList<>();
    private final List<Revoked> revoked = new ArrayList<>();
    private final long[] addresses;
    private final Frames frames;

    public StandStill(AddressSpace space, List<Long> addresses) {
        this.addresses = addresses.stream().mapToLong(Long::longValue).toArray();
        MachineMemory memory = MachineInternals.layoutOf(space).memory();
        frames = memory.frames;
    }

    public void add(Cpu cpu) {
        cpus.add(new Judged(cpu));
    }

    public void remove(Cpu cpu) {
        cpus.removeIf(judged -> judged.cpu == cpu);
    }

    /** Called when a call that removes rights returned. */
    public void revoked(AddressSpace space, long start, long end, long rights) {
        revoked(space, start, end, rights, null);
    }

    /**
     * Called when a call that removes rights returned. An asynchronous call has removed the rights when it is complete.
     */
    public void revoked(AddressSpace space, long start, long end, long rights, @Nullable Future<?> completion) {
        revoked.add(new Revoked(tableOf(space), start, end, rights, completion));
    }

    /** Judges the state between two steps. */
    public void judge() {
        // Most steps run while no CPU is in GUEST.
        for (int i = 0; i < cpus.size(); i++) {
            if (cpus.get(i).isGuest()) {
                judge(i);
            } else {
                forgetFlushed(cpus.get(i));
            }
        }
    }

    /**
     * Forgets the translations that a CPU outside GUEST flushed: the CPU may translate the same page to the same frame
     * again, after the frame contained another page.
     */
    private void forgetFlushed(Judged judged) {
        PageTable table = judged.loadedTable();
        Seen seen = table == null ? null : judged.seen.get(table);
        if (seen == null) {
            return;
        }
        SoftTlb tlb = Objects.requireNonNull(judged.tlb).tlb;
        for (int i = 0; i < addresses.length; i++) {
            boolean isKept = seen.frames[i] != Frames.NONE
                    && (tlb.peek(addresses[i], Pte.READ) != SoftTlb.MISS
                            || tlb.peek(addresses[i], Pte.WRITE) != SoftTlb.MISS);
            seen.frames[i] = isKept ? seen.frames[i] : Frames.NONE;
        }
    }

    private void judge(int number) {
        Judged judged = cpus.get(number);
        SoftTlb tlb = Objects.requireNonNull(judged.tlb).tlb;
        PageTable table = Objects.requireNonNull(judged.table);
        Seen seen = judged.seen.computeIfAbsent(table, any -> new Seen(addresses.length));
        for (int i = 0; i < addresses.length; i++) {
            long address = addresses[i];
            long load = tlb.peek(address, Pte.READ);
            long store = tlb.peek(address, Pte.WRITE);
            long hit = load != SoftTlb.MISS ? load : store;
            if (hit == SoftTlb.MISS) {
                seen.frames[i] = Frames.NONE;
                continue;
            }
            int frame = (int) (hit >>> PAGE_SHIFT);
            inUse(judged.cpu, seen, i, frame);
            one(number, address, frame);
            allowed(
                    judged.cpu,
                    table,
                    address,
                    (load == SoftTlb.MISS ? 0 : Pte.READ) | (store == SoftTlb.MISS ? 0 : Pte.WRITE));
        }
    }

    /** Checks I3: the frame is in use, and was not freed since it is in the TLB. */
    private void inUse(Cpu cpu, Seen seen, int index, int frame) {
        long stamp = frames.reuseStamp(frame);
        boolean isFreed = seen.frames[index] == frame && seen.stamps[index] != stamp;
        seen.frames[index] = frame;
        seen.stamps[index] = stamp;
        if (isFreed || (frame != Frames.ZERO && (word(frame) & USES) == 0)) {
            throw new AssertionError("I3: " + cpu + " translates " + Long.toHexString(addresses[index]) + " to frame "
                    + frame + ", which was freed");
        }
    }

    /** Checks I1: the page table and the TLBs of the CPUs before this one contain the same frame. */
    private void one(int number, long address, int frame) {
        PageTable table = Objects.requireNonNull(cpus.get(number).table);
        long pte = table.get(address);
        if (Pte.isPresent(pte)) {
            same(number, address, frame, Pte.frame(pte));
        }
        for (int i = 0; i < number; i++) {
            Judged other = cpus.get(i);
            if (other.table == table && other.tlb != null) {
                long load = other.tlb.tlb.peek(address, Pte.READ);
                long hit = load != SoftTlb.MISS ? load : other.tlb.tlb.peek(address, Pte.WRITE);
                if (hit != SoftTlb.MISS) {
                    same(number, address, frame, (int) (hit >>> PAGE_SHIFT));
                }
            }
        }
    }

    private void same(int number, long address, int frame, int other) {
        if (frame != other) {
            throw new AssertionError("I1: " + cpus.get(number).cpu + " translates " + Long.toHexString(address)
                    + " to frame " + frame + ", and another CPU or the page table to frame " + other);
        }
    }

    /** Checks I2: no call that returned removed the right. */
    private void allowed(Cpu cpu, PageTable table, long address, long rights) {
        for (Revoked call : revoked) {
            if (call.table() == table
                    && address >= call.start()
                    && address < call.end()
                    && (rights & call.rights()) != 0
                    && call.isTaken()) {
                throw new AssertionError("I2: " + cpu + " has rights " + rights + " to " + Long.toHexString(address)
                        + " after the return of the call that took them");
            }
        }
    }

    /**
     * Judges the state after all calls: no TLB contains a right that the entry lacks, and no entry contains a right
     * that the VMA lacks.
     */
    public void judgeQuiet(AddressSpace space) {
        judge();
        if (Divisions.isInFlight(MachineInternals.layoutOf(space))) {
            // An asynchronous call is still in progress.
            return;
        }
        PageTable table = tableOf(space);
        for (long address : addresses) {
            long pte = table.get(address);
            long entry = Pte.isPresent(pte) ? pte & Pte.RIGHTS : 0;
            Vma vma = MachineInternals.layoutOf(space).find(address);
            long mapped = vma == null ? 0 : (vma.flags() & VmaFlags.ACCESS) << 1;
            if ((entry & ~mapped) != 0) {
                throw new AssertionError(
                        "I2: " + Long.toHexString(address) + " has the entry " + Pte.toString(pte) + " in " + vma);
            }
            if (Pte.isOwn(pte) && Pte.has(pte, Pte.EXCLUSIVE) && frames.mappings(Pte.frame(pte)) != 1) {
                throw new AssertionError(Long.toHexString(address) + " has the exclusive entry " + Pte.toString(pte)
                        + ", whose page has " + frames.mappings(Pte.frame(pte)) + " mappings");
            }
            for (Judged judged : cpus) {
                CpuTlb tlb = judged.tlb;
                if (tlb == null || judged.table != table) {
                    continue;
                }
                for (long right : new long[] {Pte.READ, Pte.WRITE}) {
                    long hit = tlb.tlb.peek(address, right);
                    if (hit != SoftTlb.MISS && ((entry & right) == 0 || Pte.frame(pte) != (int) (hit >>> PAGE_SHIFT))) {
                        throw new AssertionError("I2: " + judged.cpu + " translates " + Long.toHexString(address)
                                + ", whose entry is " + Pte.toString(pte));
                    }
                }
            }
        }
    }

    /** Returns the page table of a space. */
    public static PageTable tableOf(AddressSpace space) {
        return MachineInternals.layoutOf(space).pages();
    }

    /** Returns the pages of a range. */
    public static List<Long> pages(long start, int count) {
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
