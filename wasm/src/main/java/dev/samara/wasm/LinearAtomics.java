// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import dev.samara.core.AddressSpace;
import java.lang.invoke.VarHandle;

/**
 * The atomic accesses of {@link LinearMemory}. They are sequentially consistent, as WebAssembly requires. Each access
 * polls. An access traps if its address is not a multiple of its size.
 */
public abstract sealed class LinearAtomics extends LinearNumbers permits LinearMemory {
    LinearAtomics(AddressSpace space, MemoryExceptions exceptions) {
        super(space, exceptions);
    }

    /** Orders the accesses before the call before those after it. */
    public final void atomicFence() {
        // Pairs with the fences and the atomic accesses of the other threads of the guest.
        VarHandle.fullFence();
    }

    /**
     * Loads a byte.
     *
     * @param address an unsigned number, a multiple of the size
     * @return the number
     */
    public final byte atomicReadByte(int address) {
        LinearAccess of = access;
        return of != null ? of.polled().loadByteVolatile(address & ADDRESS) : enter(() -> atomicReadByte(address));
    }

    /**
     * Loads a number of two bytes.
     *
     * @param address an unsigned number, a multiple of the size
     * @return the number
     */
    public final short atomicReadShort(int address) {
        LinearAccess of = access;
        return of != null ? of.polled().loadShortVolatile(address & ADDRESS) : enter(() -> atomicReadShort(address));
    }

    /**
     * Loads a number of four bytes.
     *
     * @param address an unsigned number, a multiple of the size
     * @return the number
     */
    public final int atomicReadInt(int address) {
        LinearAccess of = access;
        return of != null ? of.polled().loadIntVolatile(address & ADDRESS) : enter(() -> atomicReadInt(address));
    }

    /**
     * Loads a number of eight bytes.
     *
     * @param address an unsigned number, a multiple of the size
     * @return the number
     */
    public final long atomicReadLong(int address) {
        LinearAccess of = access;
        return of != null ? of.polled().loadLongVolatile(address & ADDRESS) : enter(() -> atomicReadLong(address));
    }

    /**
     * Stores a byte.
     *
     * @param address an unsigned number, a multiple of the size
     * @param value is stored
     */
    public final void atomicWriteByte(int address, byte value) {
        LinearAccess of = access;
        if (of != null) {
            of.polled().storeByteVolatile(address & ADDRESS, value);
        } else {
            outside(() -> atomicWriteByte(address, value));
        }
    }

    /**
     * Stores a number of two bytes.
     *
     * @param address an unsigned number, a multiple of the size
     * @param value is stored
     */
    public final void atomicWriteShort(int address, short value) {
        LinearAccess of = access;
        if (of != null) {
            of.polled().storeShortVolatile(address & ADDRESS, value);
        } else {
            outside(() -> atomicWriteShort(address, value));
        }
    }

    /**
     * Stores a number of four bytes.
     *
     * @param address an unsigned number, a multiple of the size
     * @param value is stored
     */
    public final void atomicWriteInt(int address, int value) {
        LinearAccess of = access;
        if (of != null) {
            of.polled().storeIntVolatile(address & ADDRESS, value);
        } else {
            outside(() -> atomicWriteInt(address, value));
        }
    }

    /**
     * Stores a number of eight bytes.
     *
     * @param address an unsigned number, a multiple of the size
     * @param value is stored
     */
    public final void atomicWriteLong(int address, long value) {
        LinearAccess of = access;
        if (of != null) {
            of.polled().storeLongVolatile(address & ADDRESS, value);
        } else {
            outside(() -> atomicWriteLong(address, value));
        }
    }

    /**
     * Adds to a byte.
     *
     * @param address an unsigned number, a multiple of the size
     * @param delta is added
     * @return the previous number
     */
    public final byte atomicAddByte(int address, byte delta) {
        LinearAccess of = access;
        return of != null
                ? of.polled().getAndAddByte(address & ADDRESS, delta)
                : enter(() -> atomicAddByte(address, delta));
    }

    /**
     * Adds to a number of two bytes.
     *
     * @param address an unsigned number, a multiple of the size
     * @param delta is added
     * @return the previous number
     */
    public final short atomicAddShort(int address, short delta) {
        LinearAccess of = access;
        return of != null
                ? of.polled().getAndAddShort(address & ADDRESS, delta)
                : enter(() -> atomicAddShort(address, delta));
    }

    /**
     * Adds to a number of four bytes.
     *
     * @param address an unsigned number, a multiple of the size
     * @param delta is added
     * @return the previous number
     */
    public final int atomicAddInt(int address, int delta) {
        LinearAccess of = access;
        return of != null
                ? of.polled().getAndAddInt(address & ADDRESS, delta)
                : enter(() -> atomicAddInt(address, delta));
    }

    /**
     * Adds to a number of eight bytes.
     *
     * @param address an unsigned number, a multiple of the size
     * @param delta is added
     * @return the previous number
     */
    public final long atomicAddLong(int address, long delta) {
        LinearAccess of = access;
        return of != null
                ? of.polled().getAndAddLong(address & ADDRESS, delta)
                : enter(() -> atomicAddLong(address, delta));
    }

    /**
     * Clears bits of a byte.
     *
     * @param address an unsigned number, a multiple of the size
     * @param mask the bits that stay
     * @return the previous number
     */
    public final byte atomicAndByte(int address, byte mask) {
        LinearAccess of = access;
        return of != null
                ? of.polled().getAndBitwiseAndByte(address & ADDRESS, mask)
                : enter(() -> atomicAndByte(address, mask));
    }

    /**
     * Clears bits of a number of two bytes.
     *
     * @param address an unsigned number, a multiple of the size
     * @param mask the bits that stay
     * @return the previous number
     */
    public final short atomicAndShort(int address, short mask) {
        LinearAccess of = access;
        return of != null
                ? of.polled().getAndBitwiseAndShort(address & ADDRESS, mask)
                : enter(() -> atomicAndShort(address, mask));
    }

    /**
     * Clears bits of a number of four bytes.
     *
     * @param address an unsigned number, a multiple of the size
     * @param mask the bits that stay
     * @return the previous number
     */
    public final int atomicAndInt(int address, int mask) {
        LinearAccess of = access;
        return of != null
                ? of.polled().getAndBitwiseAndInt(address & ADDRESS, mask)
                : enter(() -> atomicAndInt(address, mask));
    }

    /**
     * Clears bits of a number of eight bytes.
     *
     * @param address an unsigned number, a multiple of the size
     * @param mask the bits that stay
     * @return the previous number
     */
    public final long atomicAndLong(int address, long mask) {
        LinearAccess of = access;
        return of != null
                ? of.polled().getAndBitwiseAndLong(address & ADDRESS, mask)
                : enter(() -> atomicAndLong(address, mask));
    }

    /**
     * Sets bits of a byte.
     *
     * @param address an unsigned number, a multiple of the size
     * @param mask the bits that are set
     * @return the previous number
     */
    public final byte atomicOrByte(int address, byte mask) {
        LinearAccess of = access;
        return of != null
                ? of.polled().getAndBitwiseOrByte(address & ADDRESS, mask)
                : enter(() -> atomicOrByte(address, mask));
    }

    /**
     * Sets bits of a number of two bytes.
     *
     * @param address an unsigned number, a multiple of the size
     * @param mask the bits that are set
     * @return the previous number
     */
    public final short atomicOrShort(int address, short mask) {
        LinearAccess of = access;
        return of != null
                ? of.polled().getAndBitwiseOrShort(address & ADDRESS, mask)
                : enter(() -> atomicOrShort(address, mask));
    }

    /**
     * Sets bits of a number of four bytes.
     *
     * @param address an unsigned number, a multiple of the size
     * @param mask the bits that are set
     * @return the previous number
     */
    public final int atomicOrInt(int address, int mask) {
        LinearAccess of = access;
        return of != null
                ? of.polled().getAndBitwiseOrInt(address & ADDRESS, mask)
                : enter(() -> atomicOrInt(address, mask));
    }

    /**
     * Sets bits of a number of eight bytes.
     *
     * @param address an unsigned number, a multiple of the size
     * @param mask the bits that are set
     * @return the previous number
     */
    public final long atomicOrLong(int address, long mask) {
        LinearAccess of = access;
        return of != null
                ? of.polled().getAndBitwiseOrLong(address & ADDRESS, mask)
                : enter(() -> atomicOrLong(address, mask));
    }

    /**
     * Inverts bits of a byte.
     *
     * @param address an unsigned number, a multiple of the size
     * @param mask the bits that are inverted
     * @return the previous number
     */
    public final byte atomicXorByte(int address, byte mask) {
        LinearAccess of = access;
        return of != null
                ? of.polled().getAndBitwiseXorByte(address & ADDRESS, mask)
                : enter(() -> atomicXorByte(address, mask));
    }

    /**
     * Inverts bits of a number of two bytes.
     *
     * @param address an unsigned number, a multiple of the size
     * @param mask the bits that are inverted
     * @return the previous number
     */
    public final short atomicXorShort(int address, short mask) {
        LinearAccess of = access;
        return of != null
                ? of.polled().getAndBitwiseXorShort(address & ADDRESS, mask)
                : enter(() -> atomicXorShort(address, mask));
    }

    /**
     * Inverts bits of a number of four bytes.
     *
     * @param address an unsigned number, a multiple of the size
     * @param mask the bits that are inverted
     * @return the previous number
     */
    public final int atomicXorInt(int address, int mask) {
        LinearAccess of = access;
        return of != null
                ? of.polled().getAndBitwiseXorInt(address & ADDRESS, mask)
                : enter(() -> atomicXorInt(address, mask));
    }

    /**
     * Inverts bits of a number of eight bytes.
     *
     * @param address an unsigned number, a multiple of the size
     * @param mask the bits that are inverted
     * @return the previous number
     */
    public final long atomicXorLong(int address, long mask) {
        LinearAccess of = access;
        return of != null
                ? of.polled().getAndBitwiseXorLong(address & ADDRESS, mask)
                : enter(() -> atomicXorLong(address, mask));
    }

    /**
     * Replaces a byte.
     *
     * @param address an unsigned number, a multiple of the size
     * @param value is stored
     * @return the previous number
     */
    public final byte atomicXchgByte(int address, byte value) {
        LinearAccess of = access;
        return of != null
                ? of.polled().getAndSetByte(address & ADDRESS, value)
                : enter(() -> atomicXchgByte(address, value));
    }

    /**
     * Replaces a number of two bytes.
     *
     * @param address an unsigned number, a multiple of the size
     * @param value is stored
     * @return the previous number
     */
    public final short atomicXchgShort(int address, short value) {
        LinearAccess of = access;
        return of != null
                ? of.polled().getAndSetShort(address & ADDRESS, value)
                : enter(() -> atomicXchgShort(address, value));
    }

    /**
     * Replaces a number of four bytes.
     *
     * @param address an unsigned number, a multiple of the size
     * @param value is stored
     * @return the previous number
     */
    public final int atomicXchgInt(int address, int value) {
        LinearAccess of = access;
        return of != null
                ? of.polled().getAndSetInt(address & ADDRESS, value)
                : enter(() -> atomicXchgInt(address, value));
    }

    /**
     * Replaces a number of eight bytes.
     *
     * @param address an unsigned number, a multiple of the size
     * @param value is stored
     * @return the previous number
     */
    public final long atomicXchgLong(int address, long value) {
        LinearAccess of = access;
        return of != null
                ? of.polled().getAndSetLong(address & ADDRESS, value)
                : enter(() -> atomicXchgLong(address, value));
    }

    /**
     * Replaces a byte if it has an expected value.
     *
     * @param address an unsigned number, a multiple of the size
     * @param expected the value
     * @param value is stored
     * @return the previous number
     */
    public final byte atomicCmpxchgByte(int address, byte expected, byte value) {
        LinearAccess of = access;
        return of != null
                ? of.polled().compareAndExchangeByte(address & ADDRESS, expected, value)
                : enter(() -> atomicCmpxchgByte(address, expected, value));
    }

    /**
     * Replaces a number of two bytes if it has an expected value.
     *
     * @param address an unsigned number, a multiple of the size
     * @param expected the value
     * @param value is stored
     * @return the previous number
     */
    public final short atomicCmpxchgShort(int address, short expected, short value) {
        LinearAccess of = access;
        return of != null
                ? of.polled().compareAndExchangeShort(address & ADDRESS, expected, value)
                : enter(() -> atomicCmpxchgShort(address, expected, value));
    }

    /**
     * Replaces a number of four bytes if it has an expected value.
     *
     * @param address an unsigned number, a multiple of the size
     * @param expected the value
     * @param value is stored
     * @return the previous number
     */
    public final int atomicCmpxchgInt(int address, int expected, int value) {
        LinearAccess of = access;
        return of != null
                ? of.polled().compareAndExchangeInt(address & ADDRESS, expected, value)
                : enter(() -> atomicCmpxchgInt(address, expected, value));
    }

    /**
     * Replaces a number of eight bytes if it has an expected value.
     *
     * @param address an unsigned number, a multiple of the size
     * @param expected the value
     * @param value is stored
     * @return the previous number
     */
    public final long atomicCmpxchgLong(int address, long expected, long value) {
        LinearAccess of = access;
        return of != null
                ? of.polled().compareAndExchangeLong(address & ADDRESS, expected, value)
                : enter(() -> atomicCmpxchgLong(address, expected, value));
    }
}
