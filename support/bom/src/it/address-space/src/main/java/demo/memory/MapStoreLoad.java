// SPDX-License-Identifier: Apache-2.0
package demo.memory;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;

/** One mapping and one CPU: a store, a load, and a store that faults. */
public final class MapStoreLoad {
    private static final int WORD = 8;

    private MapStoreLoad() {}

    public static void main(String[] arguments) {
        try (Machine machine = Machine.builder().memory(1 << 26).build();
                AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
                Cpu cpu = machine.claimCpu()) {
            long page = space.geometry().pageSize();
            int rights = Mman.READ | Mman.WRITE;
            long data = space.mmap(0, 4 * page, rights, Mman.PRIVATE | Mman.ANONYMOUS, null, 0);
            cpu.switchTo(space);
            GuestMemory memory = cpu.memory();
            boolean stored = memory.store(data + WORD, WORD, 42) == Fault.NONE;
            boolean loaded = memory.load(data + WORD, WORD) == Fault.NONE;
            System.out.println("stored: " + stored + ", loaded: " + loaded + ", " + memory.value());
            System.out.println("mprotect: " + space.mprotect(data + page, page, Mman.READ));
            System.out.println("stored there: " + (memory.store(data + page, WORD, 1) == Fault.NONE));
            System.out.println("mappings: " + space.snapshot().maps().size());
            System.out.println("munmap: " + space.munmap(data, 4 * page));
        }
    }
}
