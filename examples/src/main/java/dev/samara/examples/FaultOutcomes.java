// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.backing.CachedBacking;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.PageCache;

/** The outcomes of a page fault: minor, major, a copy on write, SIGSEGV, SIGBUS. */
public final class FaultOutcomes {
    private static final Geometry GEOMETRY = Geometry.LINUX_X86_64;
    private static final long PAGE = GEOMETRY.pageSize();

    private FaultOutcomes() {}

    /**
     * A file on a disk. Page n starts with the number 100 + n. A backing like this only needs to implement the read of
     * a page.
     */
    private static final class Disk extends CachedBacking {
        Disk(PageCache pages) {
            super("/disk", pages);
        }

        @Override
        protected boolean read(long page, int frame, FrameStore store) {
            // Called with a reference and without any lock, so it may block for as long as a disk access takes.
            store.put(frame, 0, Long.BYTES, 100 + page);
            return true;
        }
    }

    /**
     * Prints the outcomes of accesses.
     *
     * @param arguments none
     */
    public static void main(String[] arguments) {
        Machine machine = Machine.builder().memory(1 << 20).build();
        try (AddressSpace space = machine.newSpace(GEOMETRY);
                Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            GuestMemory memory = cpu.memory();
            Disk disk = new Disk(machine.newPageCache(GEOMETRY, 3 * PAGE));
            long file = space.throwing().mmap(0, 4 * PAGE, READ | WRITE, Mman.PRIVATE, disk, 0);

            print("The first touch of a page reads it", memory.handleFault(file, READ));
            print("The next one finds it mapped", memory.handleFault(file, READ));
            long again = space.throwing().mmap(0, 4 * PAGE, READ, Mman.SHARED, disk, 0);
            print("A fault in another mapping maps the cached page", memory.handleFault(again, READ));
            memory.store(file, Long.BYTES, 7);
            System.out.println("A store makes a copy: " + number(memory, file) + " here, " + number(memory, again)
                    + " in the file");

            print("Beyond the end of the file", memory.load(file + 3 * PAGE, 1));
            print("A store that the mapping does not allow", memory.store(again, 1, 0));
            space.throwing().munmap(file, 4 * PAGE);
            print("Where nothing is mapped", memory.load(file, 1));
            System.out.println("Faults: " + cpu.statistics().majorFaults() + " major, "
                    + cpu.statistics().minorFaults() + " minor");
            System.out.println("Frames in use: " + machine.statistics().framesInUse());
        }
    }

    private static long number(GuestMemory memory, long address) {
        memory.load(address, Long.BYTES);
        return memory.value();
    }

    private static void print(String what, int fault) {
        int signal = Fault.signal(fault);
        String name = Fault.toString(fault);
        System.out.println(what + ": " + (signal == 0 ? "done" : name + ", signal " + signal));
    }
}
