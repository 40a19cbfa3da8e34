// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;

/**
 * Accesses for which one translation is not enough: accesses across a page boundary, and stores of which watchers are
 * notified.
 */
final class SlowAccess {
    /** The size of two numbers of eight bytes. */
    private static final int PAIR = 2 * Long.BYTES;

    private final CpuMemory cpu;

    SlowAccess(CpuMemory cpu) {
        this.cpu = cpu;
    }

    /** Reads a number that crosses a page boundary. The value is set only if all bytes were read. */
    int load(TranslatedMemory memory, long address, int size, int access) {
        long number = 0;
        for (int i = 0; i < size; i++) {
            boolean entered = memory.enter();
            try {
                long physical = memory.findReadable(address + i, access);
                if (physical < 0) {
                    return cpu.fail((int) -physical, address + i, access, size);
                }
                number |= memory.get(address + i, physical, 1, access) << (i * Byte.SIZE);
            } finally {
                memory.leave(entered);
            }
        }
        long value = cpu.ordered(number, size);
        cpu.setValue(value);
        boolean entered = memory.enter();
        try {
            cpu.tellRead(memory, access, address, size, value);
        } finally {
            memory.leave(entered);
        }
        return Fault.NONE;
    }

    /** Reads a number of a page that is watched for reads. Called in GUEST. */
    int loadWatched(TranslatedMemory memory, long address, int size, int access) {
        long physical = memory.walkOrFaultAgain(address, access);
        if (physical < 0) {
            return cpu.fail((int) -physical, address, access, size);
        }
        long value = cpu.ordered(memory.get(address, physical, size, access), size);
        cpu.setValue(value);
        cpu.tellRead(memory, access, address, size, value);
        return Fault.NONE;
    }

    /**
     * Writes bytes that cross a page boundary. Both pages are found writable, with no acknowledgement in between,
     * before the first byte is written. The lower page is faulted in first; if that fails, the upper page is not
     * faulted in. Called in GUEST.
     *
     * @param size at most 16
     * @param first the first eight bytes, in little-endian order
     * @param last the bytes after the first eight
     */
    int storeAcross(TranslatedMemory memory, long address, int size, long first, long last) {
        int below = memory.restOfPage(address);
        long second = address + below;
        long low = memory.findWritable(address);
        while (low >= 0) {
            long high = memory.findWritable(second);
            if (high < 0) {
                return fail(high, second, size);
            }
            // Translates again, because the CPU may have acknowledged a flush while the other page was faulted in.
            low = memory.lookUpWritable(address);
            if (low >= 0) {
                if (size == PAIR && below == Long.BYTES) {
                    memory.put(address, low, Long.BYTES, first);
                    memory.put(second, high, Long.BYTES, last);
                } else {
                    for (int i = 0; i < size; i++) {
                        long bytes = i < Long.BYTES ? first : last;
                        memory.put(address + i, i < below ? low + i : high + i - below, 1, bytes >>> (i * Byte.SIZE));
                    }
                }
                cpu.tell(memory, address, size);
                return Fault.NONE;
            }
            low = memory.walkOrFault(address, Protection.WRITE);
        }
        return fail(low, address, size);
    }

    /**
     * Writes two numbers of eight bytes. Called in GUEST.
     *
     * @param first the first number, in little-endian order
     * @param second the second number, in little-endian order
     */
    int storePair(TranslatedMemory memory, long address, long first, long second) {
        if (memory.crosses(address, PAIR)) {
            return storeAcross(memory, address, PAIR, first, second);
        }
        long physical = memory.findWritable(address);
        if (physical < 0) {
            return fail(physical, address, PAIR);
        }
        memory.put(address, physical, Long.BYTES, first);
        // Uses the translation of the first number, because the second number may be in the next granule of a large
        // page.
        memory.put(address, physical + Long.BYTES, Long.BYTES, second);
        cpu.tell(memory, address, PAIR);
        return Fault.NONE;
    }

    /**
     * Writes a number to a page that is watched. Called in GUEST.
     *
     * @param number in little-endian order
     */
    int storeWatched(TranslatedMemory memory, long address, int size, long number) {
        long physical = memory.walkOrFaultAgain(address, Protection.WRITE);
        if (physical < 0) {
            return fail(physical, address, size);
        }
        memory.put(address, physical, size, number);
        cpu.tell(memory, address, size);
        return Fault.NONE;
    }

    /** Executes an atomic access to a page that is watched. Called in GUEST. */
    int updateWatched(TranslatedMemory memory, AtomicUpdate what, long address, int size, long expected, long operand) {
        int access = what == AtomicUpdate.LOAD ? Protection.READ : Protection.WRITE;
        long physical = memory.walkOrFaultAgain(address, what.isUpdate() ? TranslatedMemory.UPDATE : access);
        if (physical < 0) {
            return cpu.fail((int) -physical, address, access, size);
        }
        long seen = cpu.update(memory, what, address, physical, size, expected, operand);
        if (what != AtomicUpdate.STORE) {
            cpu.tellRead(memory, Protection.READ, address, size, seen);
        }
        boolean isWritten = what == AtomicUpdate.EXCHANGE_IF
                ? seen == (expected & AtomicUpdate.maskOf(size))
                : what != AtomicUpdate.LOAD;
        if (isWritten) {
            cpu.tell(memory, address, size);
        }
        return Fault.NONE;
    }

    private int fail(long physical, long address, int size) {
        return cpu.fail((int) -physical, address, Protection.WRITE, size);
    }
}
