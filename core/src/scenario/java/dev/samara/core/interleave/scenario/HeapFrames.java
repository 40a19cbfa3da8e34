// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.scenario;

import dev.samara.core.vma.FrameStore;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/** Frames in an array. Each run creates a machine, and direct memory would be slow to allocate and to free. */
public final class HeapFrames implements FrameStore {
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private final int pageShift;
    private final byte[] bytes;

    public HeapFrames(int pageShift, int count) {
        this.pageShift = pageShift;
        bytes = new byte[count << pageShift];
    }

    private int at(int frame, int offset) {
        return (frame << pageShift) + offset;
    }

    @Override
    public boolean extend(int first, int count) {
        return true;
    }

    @Override
    public long get(int frame, int offset, int size) {
        return getVolatile(frame, offset, size);
    }

    @Override
    public void put(int frame, int offset, int size, long value) {
        putVolatile(frame, offset, size, value);
    }

    @Override
    public long getVolatile(int frame, int offset, int size) {
        int at = at(frame, offset);
        return size == 8
                ? (long) LONG.get(bytes, at)
                : size == 4 ? (int) INT.get(bytes, at) & 0xffff_ffffL : bytes[at] & 0xff;
    }

    @Override
    public void putVolatile(int frame, int offset, int size, long value) {
        int at = at(frame, offset);
        switch (size) {
            case 8 -> LONG.set(bytes, at, value);
            case 4 -> INT.set(bytes, at, (int) value);
            default -> bytes[at] = (byte) value;
        }
    }

    @Override
    public long compareAndExchange(int frame, int offset, int size, long expected, long value) {
        // Only the load is a step, so the exchange is one step.
        long seen = getVolatile(frame, offset, size);
        if (seen == expected) {
            int at = at(frame, offset);
            for (int i = 0; i < size; i++) {
                bytes[at + i] = (byte) (value >>> (8 * i));
            }
        }
        return seen;
    }

    @Override
    public void fill(int frame, int offset, int length, byte value) {
        Arrays.fill(bytes, at(frame, offset), at(frame, offset) + length, value);
    }

    @Override
    public void copy(int from, int to) {
        byte[] copied = new byte[1 << pageShift];
        read(from, 0, copied, 0, copied.length);
        write(to, 0, copied, 0, copied.length);
    }

    @Override
    public void read(int frame, int offset, byte[] target, int at, int length) {
        if (length >= Long.BYTES) {
            stepToRead(frame, offset);
        }
        System.arraycopy(bytes, at(frame, offset), target, at, length);
    }

    @Override
    public void write(int frame, int offset, byte[] source, int at, int length) {
        if (length >= Long.BYTES) {
            stepToWrite(frame, offset);
        }
        System.arraycopy(source, at, bytes, at(frame, offset), length);
    }

    /**
     * Reads the first word of a range whose bytes the caller is about to copy. A schedule stops at no copy of an array,
     * so this read stands for it: a store to the word comes before or after the copy.
     */
    private void stepToRead(int frame, int offset) {
        long unused = (long) LONG.get(bytes, at(frame, offset));
    }

    /**
     * Stores to the first word of a range that the caller is about to overwrite, so that a load of the word comes
     * before or after the copy. A fill is no step, because nearly all frames are filled before a second thread can find
     * them.
     */
    private void stepToWrite(int frame, int offset) {
        LONG.set(bytes, at(frame, offset), 0L);
    }
}
