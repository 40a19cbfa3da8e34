// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
import java.nio.ByteBuffer;

/**
 * Copies bytes into and out of guest memory, page by page. Each page is copied in GUEST, and requests of other threads
 * are acknowledged in between. Not thread-safe.
 */
final class GuestBytes {
    /** The minimum number of bytes for which a copy tries to bypass the page cache of their file. */
    private static final int LEAST_UNCACHED = 64 << 10;

    private final CpuMemory registers;

    GuestBytes(CpuMemory registers) {
        this.registers = registers;
    }

    /**
     * Copies bytes between guest memory and an array.
     *
     * @param memory of the CPU's space
     * @param at the index of the first byte in the array
     * @param writes whether guest memory is written
     * @return the number of bytes copied; if it is less than the length, {@link CpuMemory#fault} gives the reason
     */
    int transfer(TranslatedMemory memory, long address, byte[] bytes, int at, int length, boolean writes) {
        if (!writes && length >= LEAST_UNCACHED) {
            return transfer(memory, address, ByteBuffer.wrap(bytes, at, length), false, false);
        }
        registers.begin();
        int done = 0;
        while (done < length) {
            int part = Math.min(length - done, memory.restOfPage(address + done));
            if (transferPart(memory, address + done, bytes, at + done, part, writes) != Fault.NONE) {
                return done;
            }
            done += part;
        }
        return done;
    }

    private int transferPart(TranslatedMemory memory, long address, byte[] bytes, int at, int length, boolean writes) {
        boolean entered = memory.enter();
        try {
            long physical = translate(memory, address, writes);
            if (physical < 0) {
                return fail(physical, address, length, writes);
            }
            memory.copy(address, physical, bytes, at, length, writes);
            if (writes) {
                registers.tell(memory, address, length);
            } else {
                registers.tellRead(memory, Protection.READ, address, length, 0);
            }
            return Fault.NONE;
        } finally {
            memory.leave(entered);
        }
    }

    private int fail(long physical, long address, int length, boolean writes) {
        return registers.fail((int) -physical, address, writes ? Protection.WRITE : Protection.READ, length);
    }

    /** Polls, and returns the physical address of bytes of a page, or the negated fault. Called in GUEST. */
    private static long translate(TranslatedMemory memory, long address, boolean writes) {
        memory.poll();
        return writes ? memory.findWritable(address) : memory.findReadable(address, Protection.READ);
    }

    private static long translateForced(TranslatedMemory memory, long address, boolean writes) {
        memory.poll();
        return memory.findForced(address, writes ? Protection.WRITE : Protection.READ);
    }

    /**
     * Copies bytes between guest memory and the remaining bytes of a buffer, and advances its position.
     *
     * @param memory of the loaded space
     * @param writes whether guest memory is written
     * @param isForced whether to check the rights that the mapping may be given instead of its current rights
     * @return the number of bytes copied; if it is less than the length, {@link CpuMemory#fault} gives the reason
     */
    int transfer(TranslatedMemory memory, long address, ByteBuffer buffer, boolean writes, boolean isForced) {
        registers.begin();
        int length = buffer.remaining();
        // From this byte on, the copy tries to bypass the cache.
        int next = writes || isForced ? length : 0;
        int done = 0;
        while (done < length) {
            int part = Math.min(length - done, memory.restOfPage(address + done));
            if (done >= next && length - done >= LEAST_UNCACHED) {
                int copied = readPart(memory, address + done, buffer, part);
                if (copied == 0) {
                    return done;
                }
                done += Math.abs(copied);
                next = copied < 0 ? done + LEAST_UNCACHED : next;
                continue;
            }
            if (transferPart(memory, address + done, buffer, part, writes, isForced) != Fault.NONE) {
                return done;
            }
            done += part;
        }
        return done;
    }

    /**
     * Copies bytes of a page; or, if the page has no translation, bytes of several pages, bypassing the page cache of
     * their file.
     *
     * @param length the number of bytes in the page
     * @return the number of bytes, negated if the page was faulted in; 0 if the access failed
     */
    private int readPart(TranslatedMemory memory, long address, ByteBuffer buffer, int length) {
        boolean entered = memory.enter();
        try {
            memory.poll();
            long physical = memory.findMapped(address);
            boolean isFaulted = physical < 0;
            if (isFaulted) {
                int copied = memory.copyUncached(address, buffer);
                if (copied > 0) {
                    tellReads(memory, address, copied);
                    return copied;
                }
                physical = memory.walkOrFaultAgain(address, Protection.READ);
            }
            if (physical < 0) {
                fail(physical, address, length, false);
                return 0;
            }
            int at = buffer.position();
            memory.copy(address, physical, buffer, at, length, false, false);
            buffer.position(at + length);
            registers.tellRead(memory, Protection.READ, address, length, 0);
            return isFaulted ? -length : length;
        } finally {
            memory.leave(entered);
        }
    }

    /** Notifies watchers of a read of several pages, which is reported as one read per page. */
    private void tellReads(TranslatedMemory memory, long address, int length) {
        for (int told = 0; told < length; ) {
            int part = Math.min(length - told, memory.restOfPage(address + told));
            registers.tellRead(memory, Protection.READ, address + told, part, 0);
            told += part;
        }
    }

    private int transferPart(
            TranslatedMemory memory, long address, ByteBuffer buffer, int length, boolean writes, boolean isForced) {
        boolean entered = memory.enter();
        try {
            long physical = isForced ? translateForced(memory, address, writes) : translate(memory, address, writes);
            if (physical < 0) {
                return fail(physical, address, length, writes);
            }
            int at = buffer.position();
            memory.copy(address, physical, buffer, at, length, writes, isForced);
            buffer.position(at + length);
            if (writes) {
                registers.tell(memory, address, length);
            } else if (!isForced) {
                registers.tellRead(memory, Protection.READ, address, length, 0);
            }
            return Fault.NONE;
        } finally {
            memory.leave(entered);
        }
    }

    /**
     * Copies bytes within guest memory, like {@code memmove}: upwards, or downwards if the target starts within the
     * source and above its start.
     *
     * @param memory of the CPU's space
     * @return the number of bytes copied; if it is less than the length, {@link CpuMemory#fault} gives the reason
     */
    long copy(TranslatedMemory memory, long from, long to, long length) {
        registers.begin();
        boolean overwritesAhead = from != to && Long.compareUnsigned(to - from, length) < 0;
        return overwritesAhead ? copyDown(memory, from, to, length) : copyUp(memory, from, to, length);
    }

    private long copyUp(TranslatedMemory memory, long from, long to, long length) {
        long done = 0;
        while (done < length) {
            long inPages = Math.min(memory.restOfPage(from + done), memory.restOfPage(to + done));
            int part = (int) Math.min(length - done, inPages);
            if (copyPart(memory, from + done, to + done, part, 0) != Fault.NONE) {
                return done;
            }
            done += part;
        }
        return done;
    }

    private long copyDown(TranslatedMemory memory, long from, long to, long length) {
        long rest = length;
        while (rest > 0) {
            long last = rest - 1;
            long inPages = Math.min(memory.offsetOf(from + last), memory.offsetOf(to + last)) + 1L;
            int part = (int) Math.min(rest, inPages);
            if (copyPart(memory, from + rest - part, to + rest - part, part, part - 1) != Fault.NONE) {
                return length - rest;
            }
            rest -= part;
        }
        return length;
    }

    /**
     * Copies a part.
     *
     * @param first the index of the byte that a copy byte by byte would copy first; a failure is reported for this byte
     */
    private int copyPart(TranslatedMemory memory, long from, long to, int length, int first) {
        boolean entered = memory.enter();
        try {
            memory.poll();
            long source = memory.findReadable(from + first, Protection.READ);
            while (source >= 0) {
                long target = memory.findWritable(to + first);
                if (target < 0) {
                    return registers.fail((int) -target, to + first, Protection.WRITE, 1);
                }
                // Translates again, because the CPU may have acknowledged a flush while the target was faulted in.
                source = memory.lookUpReadable(from + first);
                if (source >= 0) {
                    memory.copyWithin(from + first, source - first, to + first, target - first, length);
                    registers.tellRead(memory, Protection.READ, from, length, 0);
                    registers.tell(memory, to, length);
                    return Fault.NONE;
                }
                source = memory.walkOrFault(from + first, Protection.READ);
            }
            return registers.fail((int) -source, from + first, Protection.READ, 1);
        } finally {
            memory.leave(entered);
        }
    }

    /**
     * Fills guest memory with a byte.
     *
     * @param memory of the CPU's space
     * @return the number of bytes filled; if it is less than the length, {@link CpuMemory#fault} gives the reason
     */
    long fill(TranslatedMemory memory, long address, long length, byte with) {
        registers.begin();
        long done = 0;
        while (done < length) {
            long from = address + done;
            int part = (int) Math.min(length - done, memory.restOfPage(from));
            boolean entered = memory.enter();
            try {
                memory.poll();
                long physical = memory.findWritable(from);
                if (physical < 0) {
                    fail(physical, from, part, true);
                    return done;
                }
                memory.fill(from, physical, part, with);
                registers.tell(memory, from, part);
            } finally {
                memory.leave(entered);
            }
            done += part;
        }
        return done;
    }

    /**
     * Copies bytes of guest memory up to the first 0.
     *
     * @param memory of the CPU's space
     * @return the number of bytes before the 0, or the length of the array if there is no 0; -1 if an access failed
     */
    int string(TranslatedMemory memory, long address, byte[] target) {
        registers.begin();
        int length = 0;
        while (length < target.length) {
            int part = Math.min(target.length - length, memory.restOfPage(address + length));
            int read = stringPart(memory, address + length, target, length, part);
            if (read < 0) {
                return -1;
            }
            length += read;
            if (read < part) {
                return length;
            }
        }
        return length;
    }

    /** Returns the number of bytes before the first 0, or the length of the part if there is no 0; -1 after a fault. */
    private int stringPart(TranslatedMemory memory, long address, byte[] target, int at, int length) {
        boolean entered = memory.enter();
        try {
            long physical = translate(memory, address, false);
            if (physical < 0) {
                fail(physical, address, length, false);
                return -1;
            }
            memory.copy(address, physical, target, at, length, false);
            int read = 0;
            while (read < length && target[at + read] != 0) {
                read++;
            }
            // The bytes after the 0 are not part of the string, and the guest has not read them.
            registers.tellRead(memory, Protection.READ, address, Math.min(read + 1, length), 0);
            return read;
        } finally {
            memory.leave(entered);
        }
    }
}
