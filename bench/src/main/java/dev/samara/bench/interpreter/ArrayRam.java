// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** One array that starts at address 0, without translation or rights. The JVM checks the bounds. */
final class ArrayRam implements GuestRam {
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle SHORT = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);

    private final byte[] bytes;

    ArrayRam(int size) {
        bytes = new byte[size];
    }

    @Override
    public long loadLong(long address) {
        return (long) LONG.get(bytes, (int) address);
    }

    @Override
    public int loadInt(long address) {
        return (int) INT.get(bytes, (int) address);
    }

    @Override
    public short loadShort(long address) {
        return (short) SHORT.get(bytes, (int) address);
    }

    @Override
    public byte loadByte(long address) {
        return bytes[(int) address];
    }

    @Override
    public void storeLong(long address, long value) {
        LONG.set(bytes, (int) address, value);
    }

    @Override
    public void storeInt(long address, int value) {
        INT.set(bytes, (int) address, value);
    }

    @Override
    public void storeShort(long address, short value) {
        SHORT.set(bytes, (int) address, value);
    }

    @Override
    public void storeByte(long address, byte value) {
        bytes[(int) address] = value;
    }

    @Override
    public int fetchInt(long address) {
        return loadInt(address);
    }

    @Override
    public void map(long start, long length) {
        // The whole array is always accessible.
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
