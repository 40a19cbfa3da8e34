// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.oracle;

import dev.samara.core.AddressSpace;
import dev.samara.core.AddressSpaceBuilder;
import dev.samara.core.Machine;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.OpenFile;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import dev.samara.tool.access.CpuPlan;
import dev.samara.tool.access.CpuSet;
import dev.samara.tool.record.MemoryCall.Direct;
import dev.samara.tool.record.MemoryCall.Mmap;
import dev.samara.tool.record.MemoryCall.Mremap;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * One process of an oracle file: an address space in which only the arena is free, and the two files that all processes
 * share.
 */
final class Arena implements AutoCloseable {
    private static final Geometry GEOMETRY = Geometry.LINUX_X86_64;
    private static final long UNLIMITED = -1;
    private static final long MEMORY = 1L << 30;

    /**
     * The flags of the mappings around the arena. These cannot merge with a mapping in the arena, because their file is
     * mapped nowhere else.
     */
    private static final long FILLER = VmaFlags.SHARED | VmaFlags.MAYSHARE | VmaFlags.MAY_ACCESS;

    /**
     * The number of bytes that the machine allocates at a time. It is small because most recordings need little memory.
     */
    private static final long PIECE = 1L << 18;

    /** The machine of all processes, which is closed with the first process; null in a child. */
    private final @Nullable Machine machine;

    private final Files files;
    private final AddressSpace space;
    private final CpuPlan plan;
    private final CpuSet cpus;
    private final long base;
    private final long end;

    /** The objects of anonymous shared mappings, in the order of their creation; all processes share the numbers. */
    private final SharedNumbers numbers;

    /** Creates the first process. */
    Arena(OracleHeader header, CpuPlan plan) {
        this.plan = plan;
        base = header.base();
        end = base + header.length();
        machine = Machine.builder()
                .memory(Math.min(MEMORY, Machine.directMemoryLimit()))
                .memoryPiece(PIECE)
                .poisonFrames(true)
                .build();
        files = new Files(machine, header);
        numbers = new SharedNumbers();
        AddressSpaceBuilder builder = machine.space(GEOMETRY).grant(Capability.IPC_LOCK, Capability.SYS_RAWIO);
        for (Resource resource : Resource.values()) {
            builder.limit(resource, UNLIMITED);
        }
        space = builder.load(List.of(filler(GEOMETRY.minimum(), base), filler(end, GEOMETRY.limit())))
                .build();
        cpus = plan.claim(space);
    }

    /** Creates a child. */
    private Arena(Arena parent) {
        machine = null;
        plan = parent.plan;
        base = parent.base;
        end = parent.end;
        files = parent.files;
        numbers = parent.numbers;
        space = parent.space.fork();
        cpus = plan.claim(space);
    }

    Arena fork() {
        return new Arena(this);
    }

    /** Ends the process. The first process must end after its children. */
    @Override
    public void close() {
        cpus.close();
        space.close();
        if (machine != null) {
            machine.close();
        }
    }

    /** Returns the two files and their opens. */
    Files files() {
        return files;
    }

    private static Vma filler(long start, long end) {
        OpenFile file = OpenFile.named("/memfd:filler").inode(0, 1, 3).open();
        return AddressSpaceBuilder.mapping(start, end, FILLER, GEOMETRY.pages(start), file, null);
    }

    /** Makes a call whose arguments are all numbers. */
    long perform(Direct call) {
        return call.perform(space);
    }

    long perform(Mmap call) {
        return space.mmap(call.address(), call.length(), call.protection(), call.flags(), file(call), call.offset());
    }

    long perform(Mremap call) {
        return space.mremap(call.address(), call.oldLength(), call.newLength(), call.flags(), call.newAddress());
    }

    /**
     * Assigns the next number to the object of the library's mapping, because the kernel created an anonymous shared
     * mapping.
     */
    void numberSharedObject(long address) {
        Vma vma = Errno.isError(address) ? null : space.find(address);
        numbers.next(vma == null ? null : vma.backing());
    }

    /** Reads one byte. Returns a negative fault, or the byte. */
    int read(long address) {
        GuestMemory memory = cpus.any().memory();
        int result = memory.load(address, 1);
        return result == Fault.NONE ? (int) memory.value() : -result;
    }

    /** Writes one byte. Returns a negative fault, or the written byte. */
    int write(long address, int value) {
        int result = cpus.any().memory().store(address, 1, value);
        return result == Fault.NONE ? value : -result;
    }

    /** Returns the first byte of every readable page of the arena, in the recording's format: runs of equal bytes. */
    List<String> contents() {
        List<String> runs = new ArrayList<>();
        long first = 0;
        long count = 0;
        int last = 0;
        for (Vma vma : space.snapshot().vmas()) {
            boolean inArena =
                    Long.compareUnsigned(vma.start(), base) >= 0 && Long.compareUnsigned(vma.start(), end) < 0;
            // In a file that was not recorded on a kernel, a mapping may extend beyond the arena, even over the whole
            // address space.
            long stop = Math.min(vma.end(), end);
            for (long at = vma.start();
                    inArena && vma.hasAny(VmaFlags.ACCESS) && at < stop;
                    at += GEOMETRY.pageSize()) {
                long page = GEOMETRY.pages(at - base);
                int value = read(at);
                if (count != 0 && first + count == page && value == last) {
                    count++;
                } else {
                    addRun(runs, first, count, last);
                    first = page;
                    count = 1;
                    last = value;
                }
            }
        }
        addRun(runs, first, count, last);
        return runs;
    }

    private static void addRun(List<String> runs, long first, long count, int value) {
        if (count != 0) {
            String what = value >= 0 ? String.format(Locale.ROOT, "%02x", value) : nameOfFault(-value);
            String more = count == 1 ? "" : "+" + Long.toHexString(count);
            runs.add(Long.toHexString(first) + more + "=" + what);
        }
    }

    private static String nameOfFault(int fault) {
        return fault == Fault.ADRERR ? "BUS" : Fault.toString(fault);
    }

    /** Returns whether a call creates a shared object if it succeeds. */
    static boolean makesSharedObject(Mmap call) {
        return (call.flags() & MapFlags.ANONYMOUS) != 0 && (call.flags() & MapFlags.TYPE) == MapFlags.SHARED;
    }

    /** Returns the VMAs in the arena, each in the recording's format. */
    List<String> vmas() {
        List<String> vmas = new ArrayList<>();
        for (Vma vma : space.snapshot().vmas()) {
            if (Long.compareUnsigned(vma.start(), base) >= 0 && Long.compareUnsigned(vma.start(), end) < 0) {
                long offset = vma.backing() == null ? 0 : vma.pageOffset() << GEOMETRY.pageShift();
                vmas.add(VmaText.format(vma, base, offset, nameOf(vma.backing())));
            }
        }
        return vmas;
    }

    private @Nullable Backing file(Mmap call) {
        return files.open(call.descriptor());
    }

    private String nameOf(@Nullable Backing backing) {
        if (backing == null) {
            return "anon";
        }
        String file = files.nameOf(backing);
        return file != null ? file : numbers.nameOf(backing);
    }
}
