// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

/**
 * The memory of a guest, as the interpreter uses it. An address is that of the lowest byte, and numbers are
 * little-endian. A JVM loads one implementation, so that each call has one target.
 */
interface GuestRam extends AutoCloseable {
    long loadLong(long address);

    int loadInt(long address);

    short loadShort(long address);

    byte loadByte(long address);

    void storeLong(long address, long value);

    void storeInt(long address, int value);

    void storeShort(long address, short value);

    void storeByte(long address, byte value);

    int fetchInt(long address);

    /** Makes a range accessible before its first access. */
    void map(long start, long length);

    /**
     * Acknowledges requests of other threads. Called once for each block of instructions.
     *
     * @return whether there was one
     */
    boolean poll();

    @Override
    void close();
}
