// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.guest.FlatMemory;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.nio.ByteOrder;

/** A Samara CPU in GUEST. Forks, files, other threads and exact errors are supported, but not used. */
final class FastRam extends FlatMemory implements GuestRam {
    private static final long MEMORY = 1L << 26;
    private static final int ALL = Mman.READ | Mman.WRITE | Mman.EXEC;

    private final Cpu cpu;
    private final AddressSpace space;

    private FastRam(Cpu cpu, AddressSpace space) {
        super(cpu.memory(), ByteOrder.LITTLE_ENDIAN);
        this.cpu = cpu;
        this.space = space;
    }

    static FastRam make() {
        Machine machine = Machine.builder().memory(MEMORY).build();
        AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
        Cpu cpu = machine.claimCpu();
        cpu.switchTo(space);
        cpu.enterGuest();
        return new FastRam(cpu, space);
    }

    AddressSpace space() {
        return space;
    }

    @Override
    protected void fault(int fault, long address, int access, int size) {
        throw new IllegalStateException(Fault.toString(fault) + " at 0x" + Long.toHexString(address));
    }

    @Override
    public void map(long start, long length) {
        cpu.leaveGuest();
        int flags = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
        if (space.mmap(start, length, ALL, flags, null, 0) != start) {
            throw new IllegalStateException("0x" + Long.toHexString(start) + " could not be mapped");
        }
        cpu.enterGuest();
    }

    @Override
    public void close() {
        cpu.leaveGuest();
        cpu.close();
        space.close();
    }
}
