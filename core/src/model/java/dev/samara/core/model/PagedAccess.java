// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.model;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.Cpu;
import dev.samara.core.guest.FlatMemory;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.nio.ByteOrder;
import java.util.Objects;

/**
 * Flat accesses of any width in GUEST. Compares each loaded value with the bytes in the region at the index that {@link
 * #translate} returns.
 */
final class PagedAccess extends FlatMemory {
    private static final class Failed extends RuntimeException {
        private static final long serialVersionUID = 1;

        Failed() {
            super(null, null, false, false);
        }
    }

    private final Failed failed = new Failed();
    private final Cpu cpu;
    private final long pageSize;
    private int fault;
    private long value;

    PagedAccess(Cpu cpu, ByteOrder order) {
        super(cpu.memory(), order);
        this.cpu = cpu;
        pageSize = Objects.requireNonNull(cpu.space()).geometry().pageSize();
    }

    @Override
    protected void fault(int why, long address, int access, int size) {
        fault = why;
        throw failed;
    }

    /** Returns the number that the last load read, zero-extended. */
    long value() {
        return value;
    }

    private int inGuest(Runnable access) {
        fault = Fault.NONE;
        cpu.enterGuest();
        try {
            access.run();
        } catch (Failed thrown) {
            // The callback already stored the fault.
        } finally {
            cpu.leaveGuest();
        }
        return fault;
    }

    int store(long address, int size, long number) {
        return inGuest(() -> {
            switch (size) {
                case 8 -> storeLong(address, number);
                case 4 -> storeInt(address, (int) number);
                case 2 -> storeShort(address, (short) number);
                default -> storeByte(address, (byte) number);
            }
        });
    }

    int load(long address, int size) {
        return inGuest(() -> {
            value = switch (size) {
                case 8 -> loadLong(address);
                case 4 -> loadInt(address) & 0xffff_ffffL;
                case 2 -> loadShort(address) & 0xffffL;
                default -> loadByte(address) & 0xffL;
            };
            compareWithRegion(address, size);
        });
    }

    private void compareWithRegion(long address, int size) {
        int index = translate(address, Mman.READ);
        if (index >= 0 && (address & pageSize - 1) + size <= pageSize) {
            long there = switch (size) {
                case 8 -> tlb().region().getLong(index);
                case 4 -> tlb().region().getInt(index) & 0xffff_ffffL;
                case 2 -> tlb().region().getShort(index) & 0xffffL;
                default -> tlb().region().get(index) & 0xffL;
            };
            assertEquals(value, there, () -> "in the region, of 0x" + Long.toHexString(address));
        }
    }
}
