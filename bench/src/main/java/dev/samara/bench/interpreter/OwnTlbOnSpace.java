// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.guest.FlatMemory;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.nio.ByteOrder;

/**
 * Physical memory that is a Samara space, which starts at address 0, with a CPU in GUEST. {@code
 * FlatMemory.translate} returns the indexes.
 */
final class OwnTlbOnSpace extends OwnTlbOnBytes {
    /**
     * The machine's memory in addition to the guest's: more than a space needs for itself, so that no page is evicted.
     */
    private static final long MORE = 16L << 20;

    private final Cpu cpu;
    private final AddressSpace space;
    private final FlatMemory physical;

    private static final class Physical extends FlatMemory {
        Physical(GuestMemory memory) {
            super(memory, ByteOrder.LITTLE_ENDIAN);
        }

        @Override
        protected void fault(int fault, long address, int access, int size) {
            throw new IllegalStateException(Fault.toString(fault) + " at 0x" + Long.toHexString(address));
        }
    }

    /**
     * The flushes of the CPU drop the whole TLB: they specify physical addresses, but it is indexed by virtual ones.
     */
    private OwnTlbOnSpace(Cpu cpu, AddressSpace space, FlatMemory physical) {
        super(physical.tlb().region());
        this.cpu = cpu;
        this.space = space;
        this.physical = physical;
        cpu.onFlush((start, end, reason, generation) -> drop());
    }

    static OwnTlbOnSpace make(int size) {
        Machine machine = Machine.builder().memory(size + MORE).build();
        AddressSpace space = machine.newSpace(Geometry.flat(Integer.SIZE));
        int rights = Mman.READ | Mman.WRITE;
        long mapped = space.mmap(0, size, rights, Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED, null, 0);
        if (mapped != 0) {
            throw new IllegalStateException("the memory could not be mapped: " + Errno.of(mapped));
        }
        Cpu cpu = machine.claimCpu();
        cpu.switchTo(space);
        OwnTlbOnSpace made = new OwnTlbOnSpace(cpu, space, new Physical(cpu.memory()));
        cpu.enterGuest();
        return made;
    }

    AddressSpace space() {
        return space;
    }

    @Override
    int translate(long address, boolean writes) {
        return physical.translate(address, writes ? Mman.WRITE : Mman.READ);
    }

    @Override
    long read(long address, int size) {
        return switch (size) {
            case Long.BYTES -> physical.loadLong(address);
            case Integer.BYTES -> physical.loadInt(address);
            case Short.BYTES -> physical.loadShort(address);
            default -> physical.loadByte(address);
        };
    }

    @Override
    void write(long address, int size, long value) {
        switch (size) {
            case Long.BYTES -> physical.storeLong(address, value);
            case Integer.BYTES -> physical.storeInt(address, (int) value);
            case Short.BYTES -> physical.storeShort(address, (short) value);
            default -> physical.storeByte(address, (byte) value);
        }
    }

    @Override
    public boolean poll() {
        return physical.poll();
    }

    @Override
    public void close() {
        cpu.leaveGuest();
        cpu.close();
        space.close();
    }
}
