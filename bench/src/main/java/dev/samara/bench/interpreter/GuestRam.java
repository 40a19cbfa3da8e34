// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

/**
 * The memory of a guest, as the interpreter uses it. The address of an access is that of its lowest byte; numbers are
 * little-endian. A JVM loads only one implementation, so each call has a single target.
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

    /** Makes a range accessible. Must be called before the range is accessed. */
    void map(long start, long length);

    /**
     * Acknowledges requests of other threads. Called once for each block of instructions.
     *
     * @return whether a request was pending
     */
    boolean poll();

    @Override
    void close();
}
