// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The accesses of {@link FlatMemory} to eight bytes: a long or a double. */
@SuppressWarnings("ReachabilityFenceUsage") // a finally block is too large, and no access follows a throw
public abstract sealed class FlatLongs extends FlatInts permits FlatMemory {
    /**
     * Written: guests, by stores (opaque; release; volatile) and updates (compare-and-set; compare-and-exchange;
     *     get-and-add; get-and-set; get-and-and; get-and-or; get-and-xor).
     * Read: guests, by loads (opaque; acquire; volatile).
     * Invariant: the bytes of frames, while the CPU is in GUEST; the guest determines the order of its accesses.
     */
    private static final VarHandle LITTLE =
            MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    /**
     * Written: guests whose numbers are big-endian, by additions (get-and-add).
     * Read: nothing: such guests load by {@code LITTLE}, and reverse the bytes.
     * Invariant: the bytes of frames, while the CPU is in GUEST.
     */
    private static final VarHandle BIG = MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

    FlatLongs(GuestMemory memory, ByteOrder order) {
        super(memory, order);
    }

    /**
     * Converts a number between little-endian order and the order of this memory. Keeps the CPU reachable until the
     * access that read the number is complete.
     */
    private long ordered(long number) {
        Reference.reachabilityFence(this);
        return swapsBytes ? Long.reverseBytes(number) : number;
    }

    /**
     * Reads eight bytes.
     *
     * @param address of the lowest byte
     * @return the number
     */
    public final long loadLong(long address) {
        if (hits(loadTags, address, 7)) {
            return get(index(address));
        }
        return load(address, 8);
    }

    /**
     * Reads an instruction, or a part of one: eight bytes.
     *
     * @param address of the lowest byte
     * @return the number
     */
    public final long fetchLong(long address) {
        if (hits(fetchTags, address, 7)) {
            return get(fetchIndex(address));
        }
        return fetch(address, 8);
    }

    /**
     * Writes eight bytes.
     *
     * @param address of the lowest byte
     * @param value the number
     */
    public final void storeLong(long address, long value) {
        put(indexOf(storeTags, address, 7), address, value);
    }

    /** Performs a plain read that hits. */
    private long get(int at) {
        long number = region.getLong(at);
        Reference.reachabilityFence(this);
        return number;
    }

    private void put(int at, long address, long value) {
        if (at >= 0) {
            region.putLong(at, value);
            Reference.reachabilityFence(this);
        } else {
            store(address, 8, value);
        }
    }

    /**
     * Reads eight bytes as a double: the bits of {@link #loadLong}, converted by {@link Double#longBitsToDouble}. The
     * conversion preserves all bits, except that some processors make signalling NaNs quiet; x86-64 and arm64 do not.
     *
     * @param address of the lowest byte
     * @return the number
     */
    public final double loadDouble(long address) {
        return hits(loadTags, address, 7) ? Double.longBitsToDouble(get(index(address))) : loadDoubleSlowly(address);
    }

    private double loadDoubleSlowly(long address) {
        return Double.longBitsToDouble(load(address, 8));
    }

    /**
     * Writes a double to eight bytes. All its bits are preserved, including those of a NaN.
     *
     * @param address of the lowest byte
     * @param value the number
     */
    public final void storeDouble(long address, double value) {
        put(indexOf(storeTags, address, 7), address, Double.doubleToRawLongBits(value));
    }

    /**
     * Writes 16 bytes as two numbers of eight. The first number is at the lower address and is written first, but only
     * as a plain access, so other threads may see the stores in another order. If one of the numbers cannot be written,
     * neither is. To read 16 bytes, call {@link #loadLong} twice.
     *
     * @param address of the lowest byte
     * @param first the number at the address
     * @param second the number at the address plus 8
     */
    public final void storeLongPair(long address, long first, long second) {
        putPair(indexOf(storeTags, address, 15), address, first, second);
    }

    private void putPair(int at, long address, long first, long second) {
        if (at >= 0) {
            putPair(at, first, second);
        } else {
            storePair(address, first, second);
        }
    }

    private void putPair(int at, long first, long second) {
        region.putLong(at, first);
        region.putLong(at + Long.BYTES, second);
        Reference.reachabilityFence(this);
    }

    /**
     * Reads eight bytes in opaque mode.
     *
     * @param address a multiple of 8
     * @return the number
     */
    public final long loadLongOpaque(long address) {
        return getOpaque(alignedIndexOf(loadTags, address, 7), address);
    }

    private long getOpaque(int at, long address) {
        return at >= 0 ? ordered((long) LITTLE.getOpaque((ByteBuffer) region, at)) : loadVolatile(address, 8);
    }

    /**
     * Reads eight bytes in acquire mode.
     *
     * @param address a multiple of 8
     * @return the number
     */
    public final long loadLongAcquire(long address) {
        return getAcquire(alignedIndexOf(loadTags, address, 7), address);
    }

    private long getAcquire(int at, long address) {
        return at >= 0 ? ordered((long) LITTLE.getAcquire((ByteBuffer) region, at)) : loadVolatile(address, 8);
    }

    /**
     * Reads eight bytes in volatile mode.
     *
     * @param address a multiple of 8
     * @return the number
     */
    public final long loadLongVolatile(long address) {
        return getVolatile(alignedIndexOf(loadTags, address, 7), address);
    }

    private long getVolatile(int at, long address) {
        return at >= 0 ? ordered((long) LITTLE.getVolatile((ByteBuffer) region, at)) : loadVolatile(address, 8);
    }

    /**
     * Writes eight bytes in opaque mode.
     *
     * @param address a multiple of 8
     * @param value the number
     */
    public final void storeLongOpaque(long address, long value) {
        setOpaque(alignedIndexOf(storeTags, address, 7), value, address);
    }

    private void setOpaque(int at, long value, long address) {
        if (at >= 0) {
            LITTLE.setOpaque((ByteBuffer) region, at, ordered(value));
            Reference.reachabilityFence(this);
            return;
        }
        storeVolatile(address, 8, value);
    }

    /**
     * Writes eight bytes in release mode.
     *
     * @param address a multiple of 8
     * @param value the number
     */
    public final void storeLongRelease(long address, long value) {
        setRelease(alignedIndexOf(storeTags, address, 7), value, address);
    }

    private void setRelease(int at, long value, long address) {
        if (at >= 0) {
            LITTLE.setRelease((ByteBuffer) region, at, ordered(value));
            Reference.reachabilityFence(this);
            return;
        }
        storeVolatile(address, 8, value);
    }

    /**
     * Writes eight bytes in volatile mode.
     *
     * @param address a multiple of 8
     * @param value the number
     */
    public final void storeLongVolatile(long address, long value) {
        setVolatile(alignedIndexOf(storeTags, address, 7), value, address);
    }

    private void setVolatile(int at, long value, long address) {
        if (at >= 0) {
            LITTLE.setVolatile((ByteBuffer) region, at, ordered(value));
            Reference.reachabilityFence(this);
            return;
        }
        storeVolatile(address, 8, value);
    }

    /**
     * Writes eight bytes if they are equal to an expected number, atomically, in volatile mode.
     *
     * @param address a multiple of 8
     * @param expected the number to compare with
     * @param value the new number
     * @return whether the number was equal, and the new one was written
     */
    public final boolean compareAndSetLong(long address, long expected, long value) {
        return set(alignedIndexOf(storeTags, address, 7), ordered(expected), ordered(value), address);
    }

    /** Takes little-endian numbers, which keeps this method small. */
    private boolean set(int at, long expected, long value, long address) {
        return at >= 0
                ? fenced(LITTLE.compareAndSet((ByteBuffer) region, at, expected, value))
                : setSlowly(address, expected, value);
    }

    private boolean setSlowly(long address, long expected, long value) {
        return compareAndSet(address, 8, ordered(expected), ordered(value));
    }

    /**
     * Writes eight bytes if they are equal to an expected number, atomically, in volatile mode.
     *
     * @param address a multiple of 8
     * @param expected the number to compare with
     * @param value the new number
     * @return the old number; the new one was written if this is the expected one
     */
    public final long compareAndExchangeLong(long address, long expected, long value) {
        return ordered(exchange(alignedIndexOf(storeTags, address, 7), ordered(expected), ordered(value), address));
    }

    /** Takes and returns little-endian numbers, which keeps this method small. */
    private long exchange(int at, long expected, long value, long address) {
        return at >= 0
                ? (long) LITTLE.compareAndExchange((ByteBuffer) region, at, expected, value)
                : exchangeSlowly(address, expected, value);
    }

    private long exchangeSlowly(long address, long expected, long value) {
        return ordered(compareAndExchange(address, 8, ordered(expected), ordered(value)));
    }

    /**
     * Adds to eight bytes atomically, in volatile mode.
     *
     * @param address a multiple of 8
     * @param delta the number to add
     * @return the old number
     */
    public final long getAndAddLong(long address, long delta) {
        return add(alignedIndexOf(storeTags, address, 7), delta, address);
    }

    private long add(int at, long delta, long address) {
        return at >= 0 ? fenced(add(at, delta)) : getAndAdd(address, 8, delta);
    }

    private long add(int at, long delta) {
        return swapsBytes
                ? (long) BIG.getAndAdd((ByteBuffer) region, at, delta)
                : (long) LITTLE.getAndAdd((ByteBuffer) region, at, delta);
    }

    /**
     * Replaces eight bytes atomically, in volatile mode.
     *
     * @param address a multiple of 8
     * @param value the new number
     * @return the old number
     */
    public final long getAndSetLong(long address, long value) {
        return swap(alignedIndexOf(storeTags, address, 7), value, address);
    }

    private long swap(int at, long value, long address) {
        if (at >= 0) {
            return ordered((long) LITTLE.getAndSet((ByteBuffer) region, at, ordered(value)));
        }
        return getAndSet(address, 8, value);
    }

    /**
     * Clears bits of eight bytes atomically, in volatile mode.
     *
     * @param address a multiple of 8
     * @param mask the bits that are not cleared
     * @return the old number
     */
    public final long getAndBitwiseAndLong(long address, long mask) {
        return and(alignedIndexOf(storeTags, address, 7), mask, address);
    }

    private long and(int at, long mask, long address) {
        if (at >= 0) {
            return ordered((long) LITTLE.getAndBitwiseAnd((ByteBuffer) region, at, ordered(mask)));
        }
        return getAndBitwiseAnd(address, 8, mask);
    }

    /**
     * Sets bits of eight bytes atomically, in volatile mode.
     *
     * @param address a multiple of 8
     * @param mask the bits that are set
     * @return the old number
     */
    public final long getAndBitwiseOrLong(long address, long mask) {
        return or(alignedIndexOf(storeTags, address, 7), mask, address);
    }

    private long or(int at, long mask, long address) {
        if (at >= 0) {
            return ordered((long) LITTLE.getAndBitwiseOr((ByteBuffer) region, at, ordered(mask)));
        }
        return getAndBitwiseOr(address, 8, mask);
    }

    /**
     * Flips bits of eight bytes atomically, in volatile mode.
     *
     * @param address a multiple of 8
     * @param mask the bits that are flipped
     * @return the old number
     */
    public final long getAndBitwiseXorLong(long address, long mask) {
        return xor(alignedIndexOf(storeTags, address, 7), mask, address);
    }

    private long xor(int at, long mask, long address) {
        if (at >= 0) {
            return ordered((long) LITTLE.getAndBitwiseXor((ByteBuffer) region, at, ordered(mask)));
        }
        return getAndBitwiseXor(address, 8, mask);
    }
}
