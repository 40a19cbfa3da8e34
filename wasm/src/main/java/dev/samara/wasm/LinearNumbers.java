// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import dev.samara.core.AddressSpace;

/**
 * The loads and stores of {@link LinearMemory}. Each store polls, because compiled WebAssembly has no other place for a
 * poll. So operations on the space, e.g. a fork, wait only until the running function makes its next store.
 *
 * <p>The methods are small, because the JIT compiler inlines small methods early. Therefore, the loads that are made
 * outside the space are in separate methods.
 */
public abstract sealed class LinearNumbers extends EnteredMemory permits LinearAtomics {
    LinearNumbers(AddressSpace space, MemoryExceptions exceptions) {
        super(space, exceptions);
    }

    /**
     * Loads a byte.
     *
     * @param address an unsigned number
     * @return the byte
     */
    public final byte read(int address) {
        LinearAccess of = access;
        return of != null ? of.loadByte(address & ADDRESS) : readOutside(address);
    }

    private byte readOutside(int address) {
        return enter(() -> read(address));
    }

    /**
     * Loads a number of two bytes.
     *
     * @param address an unsigned number
     * @return the number
     */
    public final short readShort(int address) {
        LinearAccess of = access;
        return of != null ? of.loadShort(address & ADDRESS) : readShortOutside(address);
    }

    private short readShortOutside(int address) {
        return enter(() -> readShort(address));
    }

    /**
     * Loads a number of four bytes.
     *
     * @param address an unsigned number
     * @return the number
     */
    public final int readInt(int address) {
        LinearAccess of = access;
        return of != null ? of.loadInt(address & ADDRESS) : readIntOutside(address);
    }

    private int readIntOutside(int address) {
        return enter(() -> readInt(address));
    }

    /**
     * Loads a number of eight bytes.
     *
     * @param address an unsigned number
     * @return the number
     */
    public final long readLong(int address) {
        LinearAccess of = access;
        return of != null ? of.loadLong(address & ADDRESS) : readLongOutside(address);
    }

    private long readLongOutside(int address) {
        return enter(() -> readLong(address));
    }

    /**
     * Loads a floating-point number of four bytes.
     *
     * @param address an unsigned number
     * @return the number
     */
    public final float readFloat(int address) {
        LinearAccess of = access;
        return of != null ? of.loadFloat(address & ADDRESS) : Float.intBitsToFloat(readIntOutside(address));
    }

    /**
     * Loads a floating-point number of eight bytes.
     *
     * @param address an unsigned number
     * @return the number
     */
    public final double readDouble(int address) {
        LinearAccess of = access;
        return of != null ? of.loadDouble(address & ADDRESS) : Double.longBitsToDouble(readLongOutside(address));
    }

    /**
     * Loads an unsigned number of two bytes.
     *
     * @param address an unsigned number
     * @return the number
     */
    public final long readU16(int address) {
        return readShort(address) & 0xffffL;
    }

    /**
     * Loads the bits of a floating-point number of four bytes.
     *
     * @param address an unsigned number
     * @return the bits
     */
    public final long readF32(int address) {
        return readInt(address);
    }

    /**
     * Loads the bits of a floating-point number of eight bytes.
     *
     * @param address an unsigned number
     * @return the bits
     */
    public final long readF64(int address) {
        return readLong(address);
    }

    /**
     * Stores a byte.
     *
     * @param address an unsigned number
     * @param value is stored
     */
    public final void writeByte(int address, byte value) {
        LinearAccess of = access;
        if (of != null) {
            of.poll();
            of.storeByte(address & ADDRESS, value);
        } else {
            outside(() -> writeByte(address, value));
        }
    }

    /**
     * Stores a number of two bytes.
     *
     * @param address an unsigned number
     * @param value is stored
     */
    public final void writeShort(int address, short value) {
        LinearAccess of = access;
        if (of != null) {
            of.poll();
            of.storeShort(address & ADDRESS, value);
        } else {
            outside(() -> writeShort(address, value));
        }
    }

    /**
     * Stores a number of four bytes.
     *
     * @param address an unsigned number
     * @param value is stored
     */
    public final void writeI32(int address, int value) {
        LinearAccess of = access;
        if (of != null) {
            of.poll();
            of.storeInt(address & ADDRESS, value);
        } else {
            outside(() -> writeI32(address, value));
        }
    }

    /**
     * Stores a number of eight bytes.
     *
     * @param address an unsigned number
     * @param value is stored
     */
    public final void writeLong(int address, long value) {
        LinearAccess of = access;
        if (of != null) {
            of.poll();
            of.storeLong(address & ADDRESS, value);
        } else {
            outside(() -> writeLong(address, value));
        }
    }

    /**
     * Stores a floating-point number of four bytes.
     *
     * @param address an unsigned number
     * @param value is stored
     */
    public final void writeF32(int address, float value) {
        LinearAccess of = access;
        if (of != null) {
            of.poll();
            of.storeFloat(address & ADDRESS, value);
        } else {
            outside(() -> writeF32(address, value));
        }
    }

    /**
     * Stores a floating-point number of eight bytes.
     *
     * @param address an unsigned number
     * @param value is stored
     */
    public final void writeF64(int address, double value) {
        LinearAccess of = access;
        if (of != null) {
            of.poll();
            of.storeDouble(address & ADDRESS, value);
        } else {
            outside(() -> writeF64(address, value));
        }
    }
}
