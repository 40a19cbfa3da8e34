// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static dev.samara.core.vma.Protection.EXEC;
import static dev.samara.core.vma.Protection.READ;
import static dev.samara.core.vma.Protection.WRITE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.vma.Fault;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.MapFlags;
import java.util.TreeMap;

/** Code that an emulator has decoded, kept by page, and dropped when the page goes, changes its rights or is written. */
public final class CodeCache {
    private static final Geometry GEOMETRY = Geometry.LINUX_X86_64;
    private static final long PAGE = GEOMETRY.pageSize();

    private final AddressSpace space;
    private final Cpu cpu;

    /** What stands for the code of a page; in an emulator, the blocks that begin in it. Of this CPU alone. */
    private final TreeMap<Long, String> decoded = new TreeMap<>(Long::compareUnsigned);

    private CodeCache(AddressSpace space, Cpu cpu) {
        this.space = space;
        this.cpu = cpu;
        cpu.load(space);
        // Told of what any CPU has caused, on this thread, before the CPU says that it has flushed: no lock is needed.
        cpu.onFlush((start, end, reason, generation) ->
                decoded.subMap(start & -PAGE, true, end, false).clear());
    }

    /** Runs what is at an address, decoded now or before. */
    private String run(long address) {
        long page = address & -PAGE;
        cpu.enterGuest();
        try {
            String known = decoded.get(page);
            if (known != null) {
                return known + " as decoded before";
            }
            long handle = cpu.probeFetch(address, Long.BYTES);
            if (handle == Cpu.MISS) {
                handle = cpu.resolveFetch(address, Long.BYTES);
            }
            if (handle < 0) {
                return Fault.toString((int) -handle);
            }
            String block = "block " + cpu.get(handle, Long.BYTES);
            decoded.put(page, block);
            return block + " decoded";
        } finally {
            cpu.leaveGuest();
        }
    }

    /**
     * Stores into what may be code. Code is mapped without the right to write, so a store into it faults and comes here to
     * have the page written with the right and without the code. An emulator asks its own list whether the guest may write.
     */
    private void write(long address, long number) {
        if (cpu.store(address, Long.BYTES, number) == Fault.ACCERR) {
            space.throwing().mprotect(address & -PAGE, PAGE, READ | WRITE);
            cpu.store(address, Long.BYTES, number);
            space.throwing().mprotect(address & -PAGE, PAGE, READ | EXEC);
        }
    }

    /**
     * Prints what runs.
     *
     * @param arguments none
     */
    public static void main(String[] arguments) {
        Machine machine = Machine.builder().memory(1 << 20).build();
        try (AddressSpace space = machine.newSpace(GEOMETRY);
                Cpu cpu = machine.claimCpu()) {
            int flags = MapFlags.PRIVATE | MapFlags.ANONYMOUS;
            long code = space.throwing().mmap(0, 2 * PAGE, READ | EXEC, flags, null, 0);
            CodeCache cache = new CodeCache(space, cpu);
            cache.write(code, 1);
            cache.write(code + PAGE, 2);
            System.out.println("First: " + cache.run(code) + ", " + cache.run(code + PAGE));
            System.out.println("Again: " + cache.run(code) + ", " + cache.run(code + PAGE));
            cache.write(code, 3);
            System.out.println("After a store into the first: " + cache.run(code) + ", " + cache.run(code + PAGE));
            space.throwing().mprotect(code + PAGE, PAGE, READ);
            System.out.println("After mprotect of the second: " + cache.run(code) + ", " + cache.run(code + PAGE));
            space.throwing().munmap(code, PAGE);
            System.out.println("After munmap of the first: " + cache.run(code));
        }
    }
}
