// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The accesses of {@link FlatMemory} to four bytes: an int or a float. */
@SuppressWarnings("ReachabilityFenceUsage") // a finally block is too large, and no access follows a throw
public abstract sealed class FlatInts extends FlatShorts permits FlatLongs {
    /**
     * Written: guests, by stores (opaque; release; volatile) and updates (compare-and-set; compare-and-exchange;
     *     get-and-add; get-and-set; get-and-and; get-and-or; get-and-xor).
     * Read: guests, by loads (opaque; acquire; volatile).
     * Invariant: the bytes of frames, while the CPU is in GUEST; the guest determines the order of its accesses.
     */
    private static final VarHandle LITTLE = MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

    /**
     * Written: guests whose numbers are big-endian, by additions (get-and-add).
     * Read: nothing: such guests load by {@code LITTLE}, and reverse the bytes.
     * Invariant: the bytes of frames, while the CPU is in GUEST.
     */
    private static final VarHandle BIG = MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.BIG_ENDIAN);

    FlatInts(GuestMemory memory, ByteOrder order) {
        super(memory, order);
    }

    /**
     * Converts a number between little-endian order and the order of this memory. Keeps the CPU reachable until the
     * access that read the number is complete.
     */
    private int ordered(int number) {
        Reference.reachabilityFence(this);
        return swapsBytes ? Integer.reverseBytes(number) : number;
    }

    /**
     * Reads four bytes.
     *
     * @param address of the lowest byte
     * @return the number
     */
    public final int loadInt(long address) {
        if (hits(loadTags, address, 3)) {
            return get(index(address));
        }
        return (int) load(address, 4);
    }

    /**
     * Reads an instruction, or a part of one: four bytes.
     *
     * @param address of the lowest byte
     * @return the number
     */
    public final int fetchInt(long address) {
        if (hits(fetchTags, address, 3)) {
            return get(fetchIndex(address));
        }
        return (int) fetch(address, 4);
    }

    /**
     * Writes four bytes.
     *
     * @param address of the lowest byte
     * @param value the number
     */
    public final void storeInt(long address, int value) {
        put(indexOf(storeTags, address, 3), address, value);
    }

    /** Performs a plain read that hits. */
    private int get(int at) {
        int number = region.getInt(at);
        Reference.reachabilityFence(this);
        return number;
    }

    private void put(int at, long address, int value) {
        if (at >= 0) {
            region.putInt(at, value);
            Reference.reachabilityFence(this);
        } else {
            store(address, 4, value);
        }
    }

    /**
     * Reads four bytes as a float: the bits of {@link #loadInt}, converted by {@link Float#intBitsToFloat}. The
     * conversion preserves all bits, except that some processors make signalling NaNs quiet; x86-64 and arm64 do not.
     *
     * @param address of the lowest byte
     * @return the number
     */
    public final float loadFloat(long address) {
        return hits(loadTags, address, 3) ? Float.intBitsToFloat(get(index(address))) : loadFloatSlowly(address);
    }

    private float loadFloatSlowly(long address) {
        return Float.intBitsToFloat((int) load(address, 4));
    }

    /**
     * Writes a float to four bytes. All its bits are preserved, including those of a NaN.
     *
     * @param address of the lowest byte
     * @param value the number
     */
    public final void storeFloat(long address, float value) {
        put(indexOf(storeTags, address, 3), address, Float.floatToRawIntBits(value));
    }

    /**
     * Reads four bytes in opaque mode.
     *
     * @param address a multiple of 4
     * @return the number
     */
    public final int loadIntOpaque(long address) {
        return getOpaque(alignedIndexOf(loadTags, address, 3), address);
    }

    private int getOpaque(int at, long address) {
        return at >= 0 ? ordered((int) LITTLE.getOpaque((ByteBuffer) region, at)) : (int) loadVolatile(address, 4);
    }

    /**
     * Reads four bytes in acquire mode.
     *
     * @param address a multiple of 4
     * @return the number
     */
    public final int loadIntAcquire(long address) {
        return getAcquire(alignedIndexOf(loadTags, address, 3), address);
    }

    private int getAcquire(int at, long address) {
        return at >= 0 ? ordered((int) LITTLE.getAcquire((ByteBuffer) region, at)) : (int) loadVolatile(address, 4);
    }

    /**
     * Reads four bytes in volatile mode.
     *
     * @param address a multiple of 4
     * @return the number
     */
    public final int loadIntVolatile(long address) {
        return getVolatile(alignedIndexOf(loadTags, address, 3), address);
    }

    private int getVolatile(int at, long address) {
        return at >= 0 ? ordered((int) LITTLE.getVolatile((ByteBuffer) region, at)) : (int) loadVolatile(address, 4);
    }

    /**
     * Writes four bytes in opaque mode.
     *
     * @param address a multiple of 4
     * @param value the number
     */
    public final void storeIntOpaque(long address, int value) {
        setOpaque(alignedIndexOf(storeTags, address, 3), value, address);
    }

    private void setOpaque(int at, int value, long address) {
        if (at >= 0) {
            LITTLE.setOpaque((ByteBuffer) region, at, ordered(value));
            Reference.reachabilityFence(this);
            return;
        }
        storeVolatile(address, 4, value);
    }

    /**
     * Writes four bytes in release mode.
     *
     * @param address a multiple of 4
     * @param value the number
     */
    public final void storeIntRelease(long address, int value) {
        setRelease(alignedIndexOf(storeTags, address, 3), value, address);
    }

    private void setRelease(int at, int value, long address) {
        if (at >= 0) {
            LITTLE.setRelease((ByteBuffer) region, at, ordered(value));
            Reference.reachabilityFence(this);
            return;
        }
        storeVolatile(address, 4, value);
    }

    /**
     * Writes four bytes in volatile mode.
     *
     * @param address a multiple of 4
     * @param value the number
     */
    public final void storeIntVolatile(long address, int value) {
        setVolatile(alignedIndexOf(storeTags, address, 3), value, address);
    }

    private void setVolatile(int at, int value, long address) {
        if (at >= 0) {
            LITTLE.setVolatile((ByteBuffer) region, at, ordered(value));
            Reference.reachabilityFence(this);
            return;
        }
        storeVolatile(address, 4, value);
    }

    /**
     * Writes four bytes if they are equal to an expected number, atomically, in volatile mode.
     *
     * @param address a multiple of 4
     * @param expected the number to compare with
     * @param value the new number
     * @return whether the number was equal, and the new one was written
     */
    public final boolean compareAndSetInt(long address, int expected, int value) {
        return set(alignedIndexOf(storeTags, address, 3), ordered(expected), ordered(value), address);
    }

    /** Takes little-endian numbers, which keeps this method small. */
    private boolean set(int at, int expected, int value, long address) {
        return at >= 0
                ? fenced(LITTLE.compareAndSet((ByteBuffer) region, at, expected, value))
                : setSlowly(address, expected, value);
    }

    private boolean setSlowly(long address, int expected, int value) {
        return compareAndSet(address, 4, ordered(expected), ordered(value));
    }

    /**
     * Writes four bytes if they are equal to an expected number, atomically, in volatile mode.
     *
     * @param address a multiple of 4
     * @param expected the number to compare with
     * @param value the new number
     * @return the old number; the new one was written if this is the expected one
     */
    public final int compareAndExchangeInt(long address, int expected, int value) {
        return ordered(exchange(alignedIndexOf(storeTags, address, 3), ordered(expected), ordered(value), address));
    }

    /** Takes and returns little-endian numbers, which keeps this method small. */
    private int exchange(int at, int expected, int value, long address) {
        return at >= 0
                ? (int) LITTLE.compareAndExchange((ByteBuffer) region, at, expected, value)
                : exchangeSlowly(address, expected, value);
    }

    private int exchangeSlowly(long address, int expected, int value) {
        return ordered((int) compareAndExchange(address, 4, ordered(expected), ordered(value)));
    }

    /**
     * Adds to four bytes atomically, in volatile mode.
     *
     * @param address a multiple of 4
     * @param delta the number to add
     * @return the old number
     */
    public final int getAndAddInt(long address, int delta) {
        return add(alignedIndexOf(storeTags, address, 3), delta, address);
    }

    private int add(int at, int delta, long address) {
        return at >= 0 ? fenced(add(at, delta)) : (int) getAndAdd(address, 4, delta);
    }

    private int add(int at, int delta) {
        return swapsBytes
                ? (int) BIG.getAndAdd((ByteBuffer) region, at, delta)
                : (int) LITTLE.getAndAdd((ByteBuffer) region, at, delta);
    }

    /**
     * Replaces four bytes atomically, in volatile mode.
     *
     * @param address a multiple of 4
     * @param value the new number
     * @return the old number
     */
    public final int getAndSetInt(long address, int value) {
        return swap(alignedIndexOf(storeTags, address, 3), value, address);
    }

    private int swap(int at, int value, long address) {
        if (at >= 0) {
            return ordered((int) LITTLE.getAndSet((ByteBuffer) region, at, ordered(value)));
        }
        return (int) getAndSet(address, 4, value);
    }

    /**
     * Clears bits of four bytes atomically, in volatile mode.
     *
     * @param address a multiple of 4
     * @param mask the bits that are not cleared
     * @return the old number
     */
    public final int getAndBitwiseAndInt(long address, int mask) {
        return and(alignedIndexOf(storeTags, address, 3), mask, address);
    }

    private int and(int at, int mask, long address) {
        if (at >= 0) {
            return ordered((int) LITTLE.getAndBitwiseAnd((ByteBuffer) region, at, ordered(mask)));
        }
        return (int) getAndBitwiseAnd(address, 4, mask);
    }

    /**
     * Sets bits of four bytes atomically, in volatile mode.
     *
     * @param address a multiple of 4
     * @param mask the bits that are set
     * @return the old number
     */
    public final int getAndBitwiseOrInt(long address, int mask) {
        return or(alignedIndexOf(storeTags, address, 3), mask, address);
    }

    private int or(int at, int mask, long address) {
        if (at >= 0) {
            return ordered((int) LITTLE.getAndBitwiseOr((ByteBuffer) region, at, ordered(mask)));
        }
        return (int) getAndBitwiseOr(address, 4, mask);
    }

    /**
     * Flips bits of four bytes atomically, in volatile mode.
     *
     * @param address a multiple of 4
     * @param mask the bits that are flipped
     * @return the old number
     */
    public final int getAndBitwiseXorInt(long address, int mask) {
        return xor(alignedIndexOf(storeTags, address, 3), mask, address);
    }

    private int xor(int at, int mask, long address) {
        if (at >= 0) {
            return ordered((int) LITTLE.getAndBitwiseXor((ByteBuffer) region, at, ordered(mask)));
        }
        return (int) getAndBitwiseXor(address, 4, mask);
    }
}
