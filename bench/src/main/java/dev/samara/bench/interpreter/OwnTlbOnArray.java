// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Physical memory that is one array, without forks, watchpoints or dirty pages. Each page can be accessed by an index.
 */
final class OwnTlbOnArray extends OwnTlbRam {
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle SHORT = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);

    private final byte[] bytes;

    OwnTlbOnArray(int size) {
        bytes = new byte[size];
    }

    @Override
    int translate(long physical, boolean writes) {
        return physical < bytes.length ? (int) physical : -1;
    }

    @Override
    long read(long physical, int size) {
        int at = (int) physical;
        return switch (size) {
            case Long.BYTES -> getLong(at);
            case Integer.BYTES -> getInt(at);
            case Short.BYTES -> getShort(at);
            default -> getByte(at);
        };
    }

    @Override
    void write(long physical, int size, long value) {
        int at = (int) physical;
        switch (size) {
            case Long.BYTES -> putLong(at, value);
            case Integer.BYTES -> putInt(at, (int) value);
            case Short.BYTES -> putShort(at, (short) value);
            default -> putByte(at, (byte) value);
        }
    }

    @Override
    long getLong(int at) {
        return (long) LONG.get(bytes, at);
    }

    @Override
    int getInt(int at) {
        return (int) INT.get(bytes, at);
    }

    @Override
    short getShort(int at) {
        return (short) SHORT.get(bytes, at);
    }

    @Override
    byte getByte(int at) {
        return bytes[at];
    }

    @Override
    void putLong(int at, long value) {
        LONG.set(bytes, at, value);
    }

    @Override
    void putInt(int at, int value) {
        INT.set(bytes, at, value);
    }

    @Override
    void putShort(int at, short value) {
        SHORT.set(bytes, at, value);
    }

    @Override
    void putByte(int at, byte value) {
        bytes[at] = value;
    }

    @Override
    public boolean poll() {
        // No other thread changes anything.
        return false;
    }

    @Override
    public void close() {
        // It uses only heap memory.
    }
}
