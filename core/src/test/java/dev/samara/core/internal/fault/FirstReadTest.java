// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Geometry;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class FirstReadTest {
    @Test
    @DisplayName("the first access of a machine may be a read of unwritten memory: it reads zeros, and uses no frame")
    void zeros() {
        Machine machine = Machine.builder().memory(1 << 20).build();
        AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
        long page = space.mmap(0, 4096, Protection.READ, MapFlags.PRIVATE | MapFlags.ANONYMOUS, null, 0);
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            assertEquals(Fault.NONE, cpu.memory().load(page, 8));
            assertEquals(0, cpu.memory().value());
            assertEquals(0, machine.statistics().framesInUse());
        }
    }
}
