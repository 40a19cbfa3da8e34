// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.adapter;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;

/**
 * The methods that the interfaces for memories of all runtimes have, so that one test can call a memory of any runtime.
 * {@link #of} calls them through the interface of the memory's runtime.
 */
interface Accesses {
    int PAGE_SIZE = 1 << 16;

    static Accesses of(TestedRuntime runtime, Object memory) {
        Class<?> type = runtime.memoryType();
        return (Accesses) Proxy.newProxyInstance(
                Accesses.class.getClassLoader(), new Class<?>[] {Accesses.class}, (proxy, method, arguments) -> {
                    Method of = type.getMethod(method.getName(), method.getParameterTypes());
                    try {
                        return of.invoke(memory, arguments);
                    } catch (InvocationTargetException thrown) {
                        throw thrown.getCause();
                    }
                });
    }

    int pages();

    int grow(int size);

    boolean shared();

    byte read(int address);

    long readU8(int address);

    long readI8(int address);

    short readShort(int address);

    long readU16(int address);

    long readI16(int address);

    int readInt(int address);

    long readI32(int address);

    long readU32(int address);

    long readLong(int address);

    long readI64(int address);

    float readFloat(int address);

    long readF32(int address);

    double readDouble(int address);

    long readF64(int address);

    void writeByte(int address, byte value);

    void writeShort(int address, short value);

    void writeI32(int address, int value);

    void writeLong(int address, long value);

    void writeF32(int address, float value);

    void writeF64(int address, double value);

    byte atomicReadByte(int address);

    short atomicReadShort(int address);

    int atomicReadInt(int address);

    long atomicReadLong(int address);

    void atomicWriteByte(int address, byte value);

    void atomicWriteShort(int address, short value);

    void atomicWriteInt(int address, int value);

    void atomicWriteLong(int address, long value);

    byte atomicAddByte(int address, byte value);

    short atomicAddShort(int address, short value);

    int atomicAddInt(int address, int value);

    long atomicAddLong(int address, long value);

    byte atomicAndByte(int address, byte value);

    short atomicAndShort(int address, short value);

    int atomicAndInt(int address, int value);

    long atomicAndLong(int address, long value);

    byte atomicOrByte(int address, byte value);

    short atomicOrShort(int address, short value);

    int atomicOrInt(int address, int value);

    long atomicOrLong(int address, long value);

    byte atomicXorByte(int address, byte value);

    short atomicXorShort(int address, short value);

    int atomicXorInt(int address, int value);

    long atomicXorLong(int address, long value);

    byte atomicXchgByte(int address, byte value);

    short atomicXchgShort(int address, short value);

    int atomicXchgInt(int address, int value);

    long atomicXchgLong(int address, long value);

    byte atomicCmpxchgByte(int address, byte expected, byte value);

    short atomicCmpxchgShort(int address, short expected, short value);

    int atomicCmpxchgInt(int address, int expected, int value);

    long atomicCmpxchgLong(int address, long expected, long value);

    void write(int address, byte[] data);

    void write(int address, byte[] data, int offset, int size);

    byte[] readBytes(int address, int length);

    String readString(int address, int length);

    void fill(byte value, int from, int to);

    void copy(int target, int source, int size);

    void initPassiveSegment(int segment, int target, int offset, int size);

    void drop(int segment);

    void zero();
}
