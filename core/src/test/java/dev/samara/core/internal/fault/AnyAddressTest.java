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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A guest may use any number as an address. */
final class AnyAddressTest {
    private static final int RW = Protection.READ | Protection.WRITE;

    @ParameterizedTest
    @ValueSource(
            longs = {
                0,
                4095,
                (1L << 47) - 4096,
                (1L << 47) - 1,
                1L << 47,
                1L << 56,
                1L << 62,
                Long.MAX_VALUE - 6,
                Long.MAX_VALUE,
                Long.MIN_VALUE,
                -4097,
                -8,
                -7,
                -1
            })
    @DisplayName("an access of any kind is MAPERR where nothing can be mapped, also beside the last page")
    void nothingThere(long address) {
        Geometry geometry = Geometry.LINUX_X86_64;
        Machine machine = Machine.builder().memory(1 << 20).build();
        AddressSpace space = machine.newSpace(geometry);
        long last = geometry.limit() - 4096;
        assertEquals(last, space.mmap(last, 4096, RW, MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED, null, 0));
        try (Cpu cpu = machine.claimCpu()) {
            cpu.load(space);
            assertEquals(Fault.MINOR, cpu.memory().store(last + 4088, 8, 1));
            for (int size = 1; size <= 8; size *= 2) {
                assertEquals(Fault.MAPERR, cpu.memory().load(address, size));
                assertEquals(Fault.MAPERR, cpu.memory().store(address, size, 1));
                long aligned = address & -size;
                assertEquals(Fault.MAPERR, cpu.memory().compareAndExchange(aligned, size, 0, 1));
                assertEquals(Fault.MAPERR, cpu.memory().getAndAdd(aligned, size, 1));
            }
            assertEquals(0, cpu.memory().copyOut(address, new byte[10_000], 0, 10_000));
            assertEquals(Fault.MAPERR, cpu.memory().fault());
            assertEquals(0, cpu.memory().copyIn(address, new byte[10_000], 0, 10_000));
            assertEquals(0, cpu.memory().fill(address, 10_000, (byte) 1));
            assertEquals(-1, cpu.memory().string(address, new byte[10]));
            assertEquals(-Fault.MAPERR, cpu.memory().pin(address, Protection.READ));
            cpu.load(null);
        }
    }
}
