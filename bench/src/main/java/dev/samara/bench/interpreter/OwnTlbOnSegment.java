// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.Buffer;
import java.nio.MappedByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Physical memory that is a Samara space, accessed through a {@code MemorySegment} of its region. The segment is a
 * constant for the JIT compiler, as in an embedder that runs one machine and stores the segment in a static final field
 * (JDK 22 and later). The project is compiled for a JDK without segments, so their methods are called through method
 * handles. A JVM supports only one object of this class, and only on little-endian processors.
 */
final class OwnTlbOnSegment extends OwnTlbRam {
    /** Must be set before {@link Handles} is initialized. */
    private static @Nullable MappedByteBuffer region;

    private final PhysicalSpace physical;

    /** Handles of the segment's methods, as constants. */
    private static final class Handles {
        private static final Object SEGMENT = segment();
        static final MethodHandle GET_LONG = handle("get", long.class, "JAVA_LONG_UNALIGNED", "OfLong");
        static final MethodHandle PUT_LONG = handle("set", long.class, "JAVA_LONG_UNALIGNED", "OfLong");
        static final MethodHandle GET_INT = handle("get", int.class, "JAVA_INT_UNALIGNED", "OfInt");
        static final MethodHandle PUT_INT = handle("set", int.class, "JAVA_INT_UNALIGNED", "OfInt");
        static final MethodHandle GET_SHORT = handle("get", short.class, "JAVA_SHORT_UNALIGNED", "OfShort");
        static final MethodHandle PUT_SHORT = handle("set", short.class, "JAVA_SHORT_UNALIGNED", "OfShort");
        static final MethodHandle GET_BYTE = handle("get", byte.class, "JAVA_BYTE", "OfByte");
        static final MethodHandle PUT_BYTE = handle("set", byte.class, "JAVA_BYTE", "OfByte");

        private static Class<?> type(String name) throws ClassNotFoundException {
            return Class.forName("java.lang.foreign." + name);
        }

        private static Object segment() {
            try {
                return type("MemorySegment").getMethod("ofBuffer", Buffer.class).invoke(null, region);
            } catch (ReflectiveOperationException missing) {
                throw new LinkageError(missing.getMessage(), missing);
            }
        }

        private static MethodHandle handle(String name, Class<?> number, String layout, String layoutType) {
            try {
                Class<?> of = type("ValueLayout$" + layoutType);
                MethodType type = name.equals("get")
                        ? MethodType.methodType(number, of, long.class)
                        : MethodType.methodType(void.class, of, long.class, number);
                MethodHandle method = MethodHandles.publicLookup()
                        .findVirtual(type("MemorySegment"), name, type)
                        .bindTo(SEGMENT);
                return MethodHandles.insertArguments(
                        method, 0, type("ValueLayout").getField(layout).get(null));
            } catch (ReflectiveOperationException missing) {
                throw new LinkageError(missing.getMessage(), missing);
            }
        }
    }

    private OwnTlbOnSegment(PhysicalSpace physical) {
        this.physical = physical;
        physical.dropAtFlushes(this);
    }

    static OwnTlbOnSegment make(PhysicalSpace physical) {
        region = physical.region();
        return new OwnTlbOnSegment(physical);
    }

    @Override
    long getLong(int at) {
        try {
            return (long) Handles.GET_LONG.invokeExact((long) at);
        } catch (Throwable impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    @Override
    int getInt(int at) {
        try {
            return (int) Handles.GET_INT.invokeExact((long) at);
        } catch (Throwable impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    @Override
    short getShort(int at) {
        try {
            return (short) Handles.GET_SHORT.invokeExact((long) at);
        } catch (Throwable impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    @Override
    byte getByte(int at) {
        try {
            return (byte) Handles.GET_BYTE.invokeExact((long) at);
        } catch (Throwable impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    @Override
    void putLong(int at, long value) {
        try {
            Handles.PUT_LONG.invokeExact((long) at, value);
        } catch (Throwable impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    @Override
    void putInt(int at, int value) {
        try {
            Handles.PUT_INT.invokeExact((long) at, value);
        } catch (Throwable impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    @Override
    void putShort(int at, short value) {
        try {
            Handles.PUT_SHORT.invokeExact((long) at, value);
        } catch (Throwable impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    @Override
    void putByte(int at, byte value) {
        try {
            Handles.PUT_BYTE.invokeExact((long) at, value);
        } catch (Throwable impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    @Override
    int translate(long address, boolean writes) {
        return physical.translate(address, writes);
    }

    @Override
    long read(long address, int size) {
        return physical.read(address, size);
    }

    @Override
    void write(long address, int size, long value) {
        physical.write(address, size, value);
    }

    @Override
    public boolean poll() {
        return physical.poll();
    }

    @Override
    public void close() {
        physical.close();
    }
}
