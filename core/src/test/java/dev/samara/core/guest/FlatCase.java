// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import java.nio.ByteBuffer;
import java.util.List;

/**
 * An ordered or atomic access of FlatMemory, and how it changes a number. Numbers are sign-extended.
 *
 * @param name of the method
 * @param size of the access in bytes
 * @param access makes the access, and returns its result
 * @param change returns the number after the access
 */
record FlatCase(String name, int size, Access access, Change change) {
    interface Access {
        /**
         * Passes as many operands as the method takes. The result is 0 if the method returns nothing, and 1 for true.
         */
        long apply(FlatMemory of, long address, long one, long two);
    }

    interface Change {
        long apply(long old, long one, long two);
    }

    /** All cases. */
    static final List<FlatCase> ALL = List.of(
            read("loadByteOpaque", 1, (of, at, one, two) -> of.loadByteOpaque(at)),
            read("loadByteAcquire", 1, (of, at, one, two) -> of.loadByteAcquire(at)),
            read("loadByteVolatile", 1, (of, at, one, two) -> of.loadByteVolatile(at)),
            write("storeByteOpaque", 1, (of, at, one, two) -> {
                of.storeByteOpaque(at, (byte) one);
                return 0;
            }),
            write("storeByteRelease", 1, (of, at, one, two) -> {
                of.storeByteRelease(at, (byte) one);
                return 0;
            }),
            write("storeByteVolatile", 1, (of, at, one, two) -> {
                of.storeByteVolatile(at, (byte) one);
                return 0;
            }),
            update(
                    "getAndAddByte",
                    1,
                    (of, at, one, two) -> of.getAndAddByte(at, (byte) one),
                    (old, one, two) -> old + one),
            update("getAndSetByte", 1, (of, at, one, two) -> of.getAndSetByte(at, (byte) one), (old, one, two) -> one),
            update(
                    "getAndBitwiseAndByte",
                    1,
                    (of, at, one, two) -> of.getAndBitwiseAndByte(at, (byte) one),
                    (old, one, two) -> old & one),
            update(
                    "getAndBitwiseOrByte",
                    1,
                    (of, at, one, two) -> of.getAndBitwiseOrByte(at, (byte) one),
                    (old, one, two) -> old | one),
            update(
                    "getAndBitwiseXorByte",
                    1,
                    (of, at, one, two) -> of.getAndBitwiseXorByte(at, (byte) one),
                    (old, one, two) -> old ^ one),
            compare(
                    "compareAndExchangeByte",
                    1,
                    (of, at, one, two) -> of.compareAndExchangeByte(at, (byte) one, (byte) two)),
            compare(
                    "compareAndSetByte",
                    1,
                    (of, at, one, two) -> of.compareAndSetByte(at, (byte) one, (byte) two) ? 1 : 0),
            read("loadShortOpaque", 2, (of, at, one, two) -> of.loadShortOpaque(at)),
            read("loadShortAcquire", 2, (of, at, one, two) -> of.loadShortAcquire(at)),
            read("loadShortVolatile", 2, (of, at, one, two) -> of.loadShortVolatile(at)),
            write("storeShortOpaque", 2, (of, at, one, two) -> {
                of.storeShortOpaque(at, (short) one);
                return 0;
            }),
            write("storeShortRelease", 2, (of, at, one, two) -> {
                of.storeShortRelease(at, (short) one);
                return 0;
            }),
            write("storeShortVolatile", 2, (of, at, one, two) -> {
                of.storeShortVolatile(at, (short) one);
                return 0;
            }),
            update(
                    "getAndAddShort",
                    2,
                    (of, at, one, two) -> of.getAndAddShort(at, (short) one),
                    (old, one, two) -> old + one),
            update(
                    "getAndSetShort",
                    2,
                    (of, at, one, two) -> of.getAndSetShort(at, (short) one),
                    (old, one, two) -> one),
            update(
                    "getAndBitwiseAndShort",
                    2,
                    (of, at, one, two) -> of.getAndBitwiseAndShort(at, (short) one),
                    (old, one, two) -> old & one),
            update(
                    "getAndBitwiseOrShort",
                    2,
                    (of, at, one, two) -> of.getAndBitwiseOrShort(at, (short) one),
                    (old, one, two) -> old | one),
            update(
                    "getAndBitwiseXorShort",
                    2,
                    (of, at, one, two) -> of.getAndBitwiseXorShort(at, (short) one),
                    (old, one, two) -> old ^ one),
            compare(
                    "compareAndExchangeShort",
                    2,
                    (of, at, one, two) -> of.compareAndExchangeShort(at, (short) one, (short) two)),
            compare(
                    "compareAndSetShort",
                    2,
                    (of, at, one, two) -> of.compareAndSetShort(at, (short) one, (short) two) ? 1 : 0),
            read("loadIntOpaque", 4, (of, at, one, two) -> of.loadIntOpaque(at)),
            read("loadIntAcquire", 4, (of, at, one, two) -> of.loadIntAcquire(at)),
            read("loadIntVolatile", 4, (of, at, one, two) -> of.loadIntVolatile(at)),
            write("storeIntOpaque", 4, (of, at, one, two) -> {
                of.storeIntOpaque(at, (int) one);
                return 0;
            }),
            write("storeIntRelease", 4, (of, at, one, two) -> {
                of.storeIntRelease(at, (int) one);
                return 0;
            }),
            write("storeIntVolatile", 4, (of, at, one, two) -> {
                of.storeIntVolatile(at, (int) one);
                return 0;
            }),
            update(
                    "getAndAddInt",
                    4,
                    (of, at, one, two) -> of.getAndAddInt(at, (int) one),
                    (old, one, two) -> old + one),
            update("getAndSetInt", 4, (of, at, one, two) -> of.getAndSetInt(at, (int) one), (old, one, two) -> one),
            update(
                    "getAndBitwiseAndInt",
                    4,
                    (of, at, one, two) -> of.getAndBitwiseAndInt(at, (int) one),
                    (old, one, two) -> old & one),
            update(
                    "getAndBitwiseOrInt",
                    4,
                    (of, at, one, two) -> of.getAndBitwiseOrInt(at, (int) one),
                    (old, one, two) -> old | one),
            update(
                    "getAndBitwiseXorInt",
                    4,
                    (of, at, one, two) -> of.getAndBitwiseXorInt(at, (int) one),
                    (old, one, two) -> old ^ one),
            compare(
                    "compareAndExchangeInt",
                    4,
                    (of, at, one, two) -> of.compareAndExchangeInt(at, (int) one, (int) two)),
            compare("compareAndSetInt", 4, (of, at, one, two) -> of.compareAndSetInt(at, (int) one, (int) two) ? 1 : 0),
            read("loadLongOpaque", 8, (of, at, one, two) -> of.loadLongOpaque(at)),
            read("loadLongAcquire", 8, (of, at, one, two) -> of.loadLongAcquire(at)),
            read("loadLongVolatile", 8, (of, at, one, two) -> of.loadLongVolatile(at)),
            write("storeLongOpaque", 8, (of, at, one, two) -> {
                of.storeLongOpaque(at, one);
                return 0;
            }),
            write("storeLongRelease", 8, (of, at, one, two) -> {
                of.storeLongRelease(at, one);
                return 0;
            }),
            write("storeLongVolatile", 8, (of, at, one, two) -> {
                of.storeLongVolatile(at, one);
                return 0;
            }),
            update("getAndAddLong", 8, (of, at, one, two) -> of.getAndAddLong(at, one), (old, one, two) -> old + one),
            update("getAndSetLong", 8, (of, at, one, two) -> of.getAndSetLong(at, one), (old, one, two) -> one),
            update(
                    "getAndBitwiseAndLong",
                    8,
                    (of, at, one, two) -> of.getAndBitwiseAndLong(at, one),
                    (old, one, two) -> old & one),
            update(
                    "getAndBitwiseOrLong",
                    8,
                    (of, at, one, two) -> of.getAndBitwiseOrLong(at, one),
                    (old, one, two) -> old | one),
            update(
                    "getAndBitwiseXorLong",
                    8,
                    (of, at, one, two) -> of.getAndBitwiseXorLong(at, one),
                    (old, one, two) -> old ^ one),
            compare("compareAndExchangeLong", 8, (of, at, one, two) -> of.compareAndExchangeLong(at, one, two)),
            compare("compareAndSetLong", 8, (of, at, one, two) -> of.compareAndSetLong(at, one, two) ? 1 : 0));

    private static FlatCase read(String name, int size, Access access) {
        return new FlatCase(name, size, access, (old, one, two) -> old);
    }

    private static FlatCase write(String name, int size, Access access) {
        return new FlatCase(name, size, access, (old, one, two) -> one);
    }

    private static FlatCase update(String name, int size, Access access, Change change) {
        return new FlatCase(name, size, access, change);
    }

    private static FlatCase compare(String name, int size, Access access) {
        return new FlatCase(name, size, access, (old, one, two) -> old == one ? two : old);
    }

    /** Returns a number of a model of the memory. */
    static long get(ByteBuffer model, int at, int size) {
        return switch (size) {
            case 1 -> model.get(at);
            case 2 -> model.getShort(at);
            case 4 -> model.getInt(at);
            default -> model.getLong(at);
        };
    }

    /** Stores a number in a model of the memory. */
    static void put(ByteBuffer model, int at, int size, long number) {
        switch (size) {
            case 1 -> model.put(at, (byte) number);
            case 2 -> model.putShort(at, (short) number);
            case 4 -> model.putInt(at, (int) number);
            default -> model.putLong(at, number);
        }
    }

    boolean isLoad() {
        return name.startsWith("load");
    }

    boolean compares() {
        return name.startsWith("compare");
    }

    /** Returns the expected result of an access that found a number. */
    long result(long old, long expected) {
        return name.startsWith("store") ? 0 : name.startsWith("compareAndSet") ? old == expected ? 1 : 0 : old;
    }

    /** Returns a number truncated to the size of the access and sign-extended. */
    long fit(long number) {
        int above = Long.SIZE - size * Byte.SIZE;
        return number << above >> above;
    }

    @Override
    public String toString() {
        return name;
    }
}
