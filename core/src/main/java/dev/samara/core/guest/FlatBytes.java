// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import java.lang.ref.Reference;
import java.nio.ByteOrder;

/**
 * The accesses of {@link FlatMemory} to single bytes. The JVM provides no ordered accesses to single bytes of a buffer,
 * so the {@link GuestMemory} of the CPU performs all accesses except plain ones.
 */
@SuppressWarnings("ReachabilityFenceUsage") // a finally block is too large, and no access follows a throw
public abstract sealed class FlatBytes extends FlatAccess permits FlatShorts {
    FlatBytes(GuestMemory memory, ByteOrder order) {
        super(memory, order);
    }

    /**
     * Reads a byte.
     *
     * @param address of the byte
     * @return the number
     */
    public final byte loadByte(long address) {
        if (hits(loadTags, address, 0)) {
            return get(index(address));
        }
        return (byte) load(address, 1);
    }

    /**
     * Reads an instruction, or a part of one: a byte.
     *
     * @param address of the byte
     * @return the number
     */
    public final byte fetchByte(long address) {
        if (hits(fetchTags, address, 0)) {
            return get(fetchIndex(address));
        }
        return (byte) fetch(address, 1);
    }

    /**
     * Writes a byte.
     *
     * @param address of the byte
     * @param value the number
     */
    public final void storeByte(long address, byte value) {
        put(indexOf(storeTags, address, 0), address, value);
    }

    /** Performs a plain read that hits. */
    private byte get(int at) {
        byte number = region.get(at);
        Reference.reachabilityFence(this);
        return number;
    }

    private void put(int at, long address, byte value) {
        if (at >= 0) {
            region.put(at, value);
            Reference.reachabilityFence(this);
        } else {
            store(address, 1, value);
        }
    }

    /**
     * Reads a byte in opaque mode.
     *
     * @param address of the byte
     * @return the number
     */
    public final byte loadByteOpaque(long address) {
        return (byte) loadVolatile(address, 1);
    }

    /**
     * Reads a byte in acquire mode.
     *
     * @param address of the byte
     * @return the number
     */
    public final byte loadByteAcquire(long address) {
        return (byte) loadVolatile(address, 1);
    }

    /**
     * Reads a byte in volatile mode.
     *
     * @param address of the byte
     * @return the number
     */
    public final byte loadByteVolatile(long address) {
        return (byte) loadVolatile(address, 1);
    }

    /**
     * Writes a byte in opaque mode.
     *
     * @param address of the byte
     * @param value the number
     */
    public final void storeByteOpaque(long address, byte value) {
        storeVolatile(address, 1, value);
    }

    /**
     * Writes a byte in release mode.
     *
     * @param address of the byte
     * @param value the number
     */
    public final void storeByteRelease(long address, byte value) {
        storeVolatile(address, 1, value);
    }

    /**
     * Writes a byte in volatile mode.
     *
     * @param address of the byte
     * @param value the number
     */
    public final void storeByteVolatile(long address, byte value) {
        storeVolatile(address, 1, value);
    }

    /**
     * Writes a byte if it is equal to an expected number, atomically, in volatile mode.
     *
     * @param address of the byte
     * @param expected the number to compare with
     * @param value the new number
     * @return whether the number was equal, and the new one was written
     */
    public final boolean compareAndSetByte(long address, byte expected, byte value) {
        return compareAndSet(address, 1, expected, value);
    }

    /**
     * Writes a byte if it is equal to an expected number, atomically, in volatile mode.
     *
     * @param address of the byte
     * @param expected the number to compare with
     * @param value the new number
     * @return the old number; the new one was written if this is the expected one
     */
    public final byte compareAndExchangeByte(long address, byte expected, byte value) {
        return (byte) compareAndExchange(address, 1, expected, value);
    }

    /**
     * Adds to a byte atomically, in volatile mode.
     *
     * @param address of the byte
     * @param delta the number to add
     * @return the old number
     */
    public final byte getAndAddByte(long address, byte delta) {
        return (byte) getAndAdd(address, 1, delta);
    }

    /**
     * Replaces a byte atomically, in volatile mode.
     *
     * @param address of the byte
     * @param value the new number
     * @return the old number
     */
    public final byte getAndSetByte(long address, byte value) {
        return (byte) getAndSet(address, 1, value);
    }

    /**
     * Clears bits of a byte atomically, in volatile mode.
     *
     * @param address of the byte
     * @param mask the bits that are not cleared
     * @return the old number
     */
    public final byte getAndBitwiseAndByte(long address, byte mask) {
        return (byte) getAndBitwiseAnd(address, 1, mask);
    }

    /**
     * Sets bits of a byte atomically, in volatile mode.
     *
     * @param address of the byte
     * @param mask the bits that are set
     * @return the old number
     */
    public final byte getAndBitwiseOrByte(long address, byte mask) {
        return (byte) getAndBitwiseOr(address, 1, mask);
    }

    /**
     * Flips bits of a byte atomically, in volatile mode.
     *
     * @param address of the byte
     * @param mask the bits that are flipped
     * @return the old number
     */
    public final byte getAndBitwiseXorByte(long address, byte mask) {
        return (byte) getAndBitwiseXor(address, 1, mask);
    }
}
