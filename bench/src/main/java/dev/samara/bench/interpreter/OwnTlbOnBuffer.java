// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;

/**
 * Physical memory that is one buffer outside the heap. An access makes the same checks as in {@link OwnTlbOnSpace}, but
 * no space manages the pages.
 */
final class OwnTlbOnBuffer extends OwnTlbOnBytes {
    private final int size;

    OwnTlbOnBuffer(int size) {
        super((MappedByteBuffer) ByteBuffer.allocateDirect(size).order(ByteOrder.LITTLE_ENDIAN));
        this.size = size;
    }

    @Override
    int translate(long physical, boolean writes) {
        return physical < size ? (int) physical : -1;
    }

    @Override
    long read(long physical, int length) {
        int at = (int) physical;
        return switch (length) {
            case Long.BYTES -> getLong(at);
            case Integer.BYTES -> getInt(at);
            case Short.BYTES -> getShort(at);
            default -> getByte(at);
        };
    }

    @Override
    void write(long physical, int length, long value) {
        int at = (int) physical;
        switch (length) {
            case Long.BYTES -> putLong(at, value);
            case Integer.BYTES -> putInt(at, (int) value);
            case Short.BYTES -> putShort(at, (short) value);
            default -> putByte(at, (byte) value);
        }
    }

    @Override
    public boolean poll() {
        // No other thread changes anything.
        return false;
    }

    @Override
    public void close() {
        // The garbage collector frees the buffer.
    }
}
