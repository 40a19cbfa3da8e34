// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Geometry;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class ForkWithoutMemoryTest {
    private static final int PAGES = 4;

    @Test
    @DisplayName("I8: a fork that finds no frame for a pinned page leaves nothing of the child")
    void nothingIsLeft() {
        long size = Geometry.LINUX_X86_64.pageSize();
        Machine machine = Machine.builder().memory(PAGES * size).build();
        AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
        int rights = Protection.READ | Protection.WRITE;
        long first = space.mmap(0, PAGES * size, rights, MapFlags.PRIVATE | MapFlags.ANONYMOUS, null, 0);
        long shared = space.mmap(0, size, rights, MapFlags.SHARED | MapFlags.ANONYMOUS, null, 0);
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            for (int page = 0; page < PAGES; page++) {
                assertEquals(Fault.NONE, cpu.memory().store(first + page * size, 8, page));
            }
            PinnedFrame pinned = SpaceFixture.pin(cpu.memory(), first + (PAGES - 1) * size, Protection.WRITE);
            MmException refused = assertThrows(MmException.class, space::fork);
            assertEquals(Errno.ENOMEM, refused.errno());
            pinned.close();
            assertEquals(0, space.munmap(first, PAGES * size));
            assertEquals(0, machine.statistics().framesInUse(), "frames that the child has kept");
            assertTrue(cpu.memory().store(shared, 8, 1) == Fault.NONE);
        }
        space.close();
        assertEquals(0, machine.committed(), "memory promised to the child");
    }
}
