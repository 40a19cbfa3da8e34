// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.memory;

import static dev.samara.core.mman.Mman.ANONYMOUS;
import static dev.samara.core.mman.Mman.FIXED;
import static dev.samara.core.mman.Mman.PRIVATE;
import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.guest.FlatMemory;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.vma.Geometry;
import java.nio.ByteOrder;

/** A CPU in GUEST, with pages that it wrote. */
final class GuestCpu {
    static final int PAGE_SHIFT = 12;

    /** The address of the first page. */
    static final long BASE = 0x1000_0000_0000L;

    private static final long MEMORY = 64L << 20;

    final AddressSpace space;
    final Cpu cpu;
    final GuestMemory memory;
    final FlatMemory flat;

    /** Accesses that never fault. */
    private static final class Flat extends FlatMemory {
        Flat(GuestMemory memory) {
            super(memory, ByteOrder.LITTLE_ENDIAN);
        }

        @Override
        protected void fault(int fault, long address, int access, int size) {
            throw new IllegalStateException(Fault.toString(fault));
        }
    }

    GuestCpu(int pages, int entries) {
        Machine machine = Machine.builder().memory(MEMORY).tlbEntries(entries).build();
        space = machine.newSpace(Geometry.LINUX_X86_64);
        long length = (long) pages << PAGE_SHIFT;
        long start = space.mmap(BASE, length, READ | WRITE, PRIVATE | ANONYMOUS | FIXED, null, 0);
        if (Errno.isError(start)) {
            throw new IllegalStateException("the pages could not be mapped: " + Errno.of(start));
        }
        cpu = machine.claimCpu();
        cpu.switchTo(space);
        memory = cpu.memory();
        flat = new Flat(memory);
        for (int i = 0; i < pages; i++) {
            if (memory.store(BASE + ((long) i << PAGE_SHIFT), Long.BYTES, 0) != Fault.NONE) {
                throw new IllegalStateException("a page could not be written");
            }
        }
        cpu.enterGuest();
    }

    void close() {
        cpu.leaveGuest();
        cpu.close();
        space.close();
    }
}
