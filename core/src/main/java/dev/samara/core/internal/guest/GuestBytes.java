// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;

/**
 * Copies of guest memory, page by page. Each page is copied in GUEST, and requests of other threads are acknowledged in
 * between. For one thread.
 */
public final class GuestBytes {
    private final GuestMemory memory;

    GuestBytes(GuestMemory memory) {
        this.memory = memory;
    }

    /**
     * Copies bytes between guest memory and an array, page by page. Requests of other threads are acknowledged in
     * between.
     *
     * @param address the address of the first byte
     * @param bytes the source or the target
     * @param at the index of the first byte in the array
     * @param length the number of bytes
     * @param writes whether guest memory is written
     * @return the number of bytes copied; if it is less than the length, {@link GuestMemory#fault} gives the reason
     */
    public int transfer(long address, byte[] bytes, int at, int length, boolean writes) {
        memory.begin();
        int done = 0;
        while (done < length) {
            int part = Math.min(length - done, memory.restOfPage(address + done));
            if (!Fault.isDone(transferPart(address + done, bytes, at + done, part, writes))) {
                return done;
            }
            done += part;
        }
        return done;
    }

    private int transferPart(long address, byte[] bytes, int at, int length, boolean writes) {
        boolean entered = memory.enter();
        try {
            memory.poll();
            long handle = writes ? memory.findWritable(address) : memory.translate(address, 1, Protection.READ);
            if (handle < 0) {
                return (int) -handle;
            }
            memory.copyRaw(handle, bytes, at, length, writes);
            if (writes) {
                memory.tell(address, length);
            }
            return Fault.MINOR;
        } finally {
            memory.leave(entered);
        }
    }

    /**
     * Fills guest memory page by page.
     *
     * @param address the address of the first byte
     * @param length the number of bytes
     * @param with the value of each byte
     * @return the number of bytes filled; if it is less than the length, {@link GuestMemory#fault} gives the reason
     */
    public long fill(long address, long length, byte with) {
        memory.begin();
        long done = 0;
        while (done < length) {
            long from = address + done;
            int part = (int) Math.min(length - done, memory.restOfPage(from));
            boolean entered = memory.enter();
            try {
                memory.poll();
                long handle = memory.findWritable(from);
                if (handle < 0) {
                    return done;
                }
                memory.fillRaw(handle, part, with);
                memory.tell(from, part);
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
     * @param address the address of the first byte
     * @param target receives the bytes
     * @return the number of bytes before the 0, or the length of the array if it has none; -1 if an access failed
     */
    public int string(long address, byte[] target) {
        memory.begin();
        int length = 0;
        while (length < target.length) {
            int part = Math.min(target.length - length, memory.restOfPage(address + length));
            if (!Fault.isDone(transferPart(address + length, target, length, part, false))) {
                return -1;
            }
            for (int i = 0; i < part; i++) {
                if (target[length + i] == 0) {
                    return length + i;
                }
            }
            length += part;
        }
        return length;
    }
}
