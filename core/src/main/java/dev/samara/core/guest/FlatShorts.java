// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The accesses of {@link FlatMemory} to two bytes. The JVM provides no atomic updates of two bytes of a buffer, so the
 * {@link GuestMemory} of the CPU performs these.
 */
@SuppressWarnings("ReachabilityFenceUsage") // a finally block is too large, and no access follows a throw
public abstract sealed class FlatShorts extends FlatBytes permits FlatInts {
    /**
     * Written: guests, by stores (opaque; release; volatile).
     * Read: guests, by loads (opaque; acquire; volatile).
     * Invariant: the bytes of frames, while the CPU is in GUEST; the guest determines the order of its accesses.
     */
    private static final VarHandle LITTLE =
            MethodHandles.byteBufferViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);

    FlatShorts(GuestMemory memory, ByteOrder order) {
        super(memory, order);
    }

    /**
     * Converts a number between little-endian order and the order of this memory. Keeps the CPU reachable until the
     * access that read the number is complete.
     */
    private short ordered(short number) {
        Reference.reachabilityFence(this);
        return swapsBytes ? Short.reverseBytes(number) : number;
    }

    /**
     * Reads two bytes.
     *
     * @param address of the lowest byte
     * @return the number
     */
    public final short loadShort(long address) {
        if (hits(loadTags, address, 1)) {
            return get(index(address));
        }
        return (short) load(address, 2);
    }

    /**
     * Reads an instruction, or a part of one: two bytes.
     *
     * @param address of the lowest byte
     * @return the number
     */
    public final short fetchShort(long address) {
        if (hits(fetchTags, address, 1)) {
            return get(fetchIndex(address));
        }
        return (short) fetch(address, 2);
    }

    /**
     * Writes two bytes.
     *
     * @param address of the lowest byte
     * @param value the number
     */
    public final void storeShort(long address, short value) {
        put(indexOf(storeTags, address, 1), address, value);
    }

    /** Performs a plain read that hits. */
    private short get(int at) {
        short number = region.getShort(at);
        Reference.reachabilityFence(this);
        return number;
    }

    private void put(int at, long address, short value) {
        if (at >= 0) {
            region.putShort(at, value);
            Reference.reachabilityFence(this);
        } else {
            store(address, 2, value);
        }
    }

    /**
     * Reads two bytes in opaque mode.
     *
     * @param address a multiple of 2
     * @return the number
     */
    public final short loadShortOpaque(long address) {
        return getOpaque(alignedIndexOf(loadTags, address, 1), address);
    }

    private short getOpaque(int at, long address) {
        return at >= 0 ? ordered((short) LITTLE.getOpaque((ByteBuffer) region, at)) : (short) loadVolatile(address, 2);
    }

    /**
     * Reads two bytes in acquire mode.
     *
     * @param address a multiple of 2
     * @return the number
     */
    public final short loadShortAcquire(long address) {
        return getAcquire(alignedIndexOf(loadTags, address, 1), address);
    }

    private short getAcquire(int at, long address) {
        return at >= 0 ? ordered((short) LITTLE.getAcquire((ByteBuffer) region, at)) : (short) loadVolatile(address, 2);
    }

    /**
     * Reads two bytes in volatile mode.
     *
     * @param address a multiple of 2
     * @return the number
     */
    public final short loadShortVolatile(long address) {
        return getVolatile(alignedIndexOf(loadTags, address, 1), address);
    }

    private short getVolatile(int at, long address) {
        return at >= 0
                ? ordered((short) LITTLE.getVolatile((ByteBuffer) region, at))
                : (short) loadVolatile(address, 2);
    }

    /**
     * Writes two bytes in opaque mode.
     *
     * @param address a multiple of 2
     * @param value the number
     */
    public final void storeShortOpaque(long address, short value) {
        setOpaque(alignedIndexOf(storeTags, address, 1), value, address);
    }

    private void setOpaque(int at, short value, long address) {
        if (at >= 0) {
            LITTLE.setOpaque((ByteBuffer) region, at, ordered(value));
            Reference.reachabilityFence(this);
            return;
        }
        storeVolatile(address, 2, value);
    }

    /**
     * Writes two bytes in release mode.
     *
     * @param address a multiple of 2
     * @param value the number
     */
    public final void storeShortRelease(long address, short value) {
        setRelease(alignedIndexOf(storeTags, address, 1), value, address);
    }

    private void setRelease(int at, short value, long address) {
        if (at >= 0) {
            LITTLE.setRelease((ByteBuffer) region, at, ordered(value));
            Reference.reachabilityFence(this);
            return;
        }
        storeVolatile(address, 2, value);
    }

    /**
     * Writes two bytes in volatile mode.
     *
     * @param address a multiple of 2
     * @param value the number
     */
    public final void storeShortVolatile(long address, short value) {
        setVolatile(alignedIndexOf(storeTags, address, 1), value, address);
    }

    private void setVolatile(int at, short value, long address) {
        if (at >= 0) {
            LITTLE.setVolatile((ByteBuffer) region, at, ordered(value));
            Reference.reachabilityFence(this);
            return;
        }
        storeVolatile(address, 2, value);
    }

    /**
     * Writes two bytes if they are equal to an expected number, atomically, in volatile mode.
     *
     * @param address a multiple of 2
     * @param expected the number to compare with
     * @param value the new number
     * @return whether the number was equal, and the new one was written
     */
    public final boolean compareAndSetShort(long address, short expected, short value) {
        return compareAndSet(address, 2, expected, value);
    }

    /**
     * Writes two bytes if they are equal to an expected number, atomically, in volatile mode.
     *
     * @param address a multiple of 2
     * @param expected the number to compare with
     * @param value the new number
     * @return the old number; the new one was written if this is the expected one
     */
    public final short compareAndExchangeShort(long address, short expected, short value) {
        return (short) compareAndExchange(address, 2, expected, value);
    }

    /**
     * Adds to two bytes atomically, in volatile mode.
     *
     * @param address a multiple of 2
     * @param delta the number to add
     * @return the old number
     */
    public final short getAndAddShort(long address, short delta) {
        return (short) getAndAdd(address, 2, delta);
    }

    /**
     * Replaces two bytes atomically, in volatile mode.
     *
     * @param address a multiple of 2
     * @param value the new number
     * @return the old number
     */
    public final short getAndSetShort(long address, short value) {
        return (short) getAndSet(address, 2, value);
    }

    /**
     * Clears bits of two bytes atomically, in volatile mode.
     *
     * @param address a multiple of 2
     * @param mask the bits that are not cleared
     * @return the old number
     */
    public final short getAndBitwiseAndShort(long address, short mask) {
        return (short) getAndBitwiseAnd(address, 2, mask);
    }

    /**
     * Sets bits of two bytes atomically, in volatile mode.
     *
     * @param address a multiple of 2
     * @param mask the bits that are set
     * @return the old number
     */
    public final short getAndBitwiseOrShort(long address, short mask) {
        return (short) getAndBitwiseOr(address, 2, mask);
    }

    /**
     * Flips bits of two bytes atomically, in volatile mode.
     *
     * @param address a multiple of 2
     * @param mask the bits that are flipped
     * @return the old number
     */
    public final short getAndBitwiseXorShort(long address, short mask) {
        return (short) getAndBitwiseXor(address, 2, mask);
    }
}
