// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.internal.guest.GuestAtomic;
import dev.samara.core.internal.guest.GuestMemory;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.FrameStore;
import java.nio.ByteOrder;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The accesses of a {@link Cpu} by address, in its loaded space: numbers (atomically or not), bytes, strings; and pins,
 * which keep a frame's bytes usable for longer.
 *
 * <p>An access either happens as a whole or not at all. If it fails, it returns a {@link Fault}, and {@link
 * #faultAddress} has its address. An access throws and allocates nothing for an error of the guest. An access that
 * would have to wait throws {@link IllegalStateException} while another CPU of the thread is in GUEST, and within
 * {@code rcuMapPages}. Each access finds the mapping of some instant of the call. After a {@code munmap}, {@code
 * mprotect} or similar call has returned, no access succeeds that the new state forbids. This holds in GUEST and
 * outside it: outside, each access, or each page of a copy, enters GUEST for its own duration.
 *
 * <p>Plain accesses may have any address, also across a page boundary; aligned ones of up to 8 bytes are single
 * accesses. Atomic accesses must be aligned. Each access throws {@link IllegalStateException} if the thread does not
 * own the CPU, or no space is loaded. Only the owner may call {@link #value}, {@link #faultAddress} and {@link #fault};
 * only a {@linkplain Machine.Builder#checked checked} machine refuses them to other threads.
 */
public abstract sealed class MemoryAccess permits Cpu {
    private boolean swapsBytes;

    MemoryAccess() {}

    /** Returns the loaded space's memory, or null while no space is loaded. */
    abstract @Nullable GuestMemory guestOrNull();

    /** Returns the loaded space's memory. Throws if the thread is not the owner, or no space is loaded. */
    abstract GuestMemory loaded();

    /** Throws if the thread is not the owner. */
    abstract void own();

    boolean swapsBytes() {
        return swapsBytes;
    }

    /**
     * Sets the byte order of numbers; little-endian unless set.
     *
     * @param order the order
     */
    public void order(ByteOrder order) {
        own();
        swapsBytes = order == ByteOrder.BIG_ENDIAN;
        GuestMemory of = guestOrNull();
        if (of != null) {
            of.swapBytes(swapsBytes);
        }
    }

    /**
     * Returns the number that the last successful access has read.
     *
     * @return the number, in the low bits; the bits above its size are 0. 0 if no access has read since the space was
     *     loaded
     */
    public long value() {
        GuestMemory of = guestOrNull();
        return of == null ? 0 : of.value();
    }

    /**
     * Returns the address at which the last failed access has failed.
     *
     * @return the address; for an access across a page boundary, in the page that failed; 0 if no space is loaded
     */
    public long faultAddress() {
        GuestMemory of = guestOrNull();
        return of == null ? 0 : of.faultAddress();
    }

    /**
     * Returns why the last copy, fill or search ended early.
     *
     * @return a {@link Fault}; MINOR if it did not end early, or no space is loaded
     */
    public int fault() {
        GuestMemory of = guestOrNull();
        return of == null ? 0 : of.fault();
    }

    /**
     * Makes a page accessible without an access to it.
     *
     * @param address any address
     * @param access bits of {@link Protection}
     * @return a {@link Fault}
     */
    public int handleFault(long address, int access) {
        return loaded().handleFault(address, access);
    }

    /**
     * Reads a number into {@link #value}.
     *
     * @param address of its lowest byte
     * @param size bytes: 1, 2, 4 or 8
     * @return MINOR if it was read, else the fault
     */
    public int load(long address, int size) {
        return loaded().read(address, size, Protection.READ);
    }

    /**
     * Reads an instruction, or a part of one, into {@link #value}. Like {@link #load}, but requires the right to
     * execute.
     *
     * @param address of its lowest byte
     * @param size bytes: 1, 2, 4 or 8
     * @return MINOR if it was read, else the fault
     */
    public int fetch(long address, int size) {
        return loaded().read(address, size, Protection.EXEC);
    }

    /**
     * Writes a number.
     *
     * @param address of its lowest byte
     * @param size bytes: 1, 2, 4 or 8
     * @param number the new value; bits above its size are ignored
     * @return MINOR if it was written, else the fault
     */
    public int store(long address, int size, long number) {
        return loaded().write(address, size, number);
    }

    /**
     * Reads a number into {@link #value} atomically, with volatile ordering.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @return MINOR if it was read, else the fault; ADRALN for an address that is not aligned
     */
    public int loadVolatile(long address, int size) {
        return loaded().atomic(GuestAtomic.LOAD, address, size, 0, 0);
    }

    /**
     * Writes a number atomically, with volatile ordering.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param number the new value
     * @return MINOR if it was written, else the fault; ADRALN for an address that is not aligned
     */
    public int storeVolatile(long address, int size, long number) {
        return loaded().atomic(GuestAtomic.STORE, address, size, 0, number);
    }

    /**
     * Compares a number with an expected one, and writes a new one if they are equal, atomically. {@link #value} has
     * the old value, with zeros above its size; if it is the expected value, the new value was written.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param expected the expected value; bits above its size are ignored, so it may be sign-extended
     * @param number the new value
     * @return MINOR if it was compared, else the fault; ADRALN for an address that is not aligned
     */
    public int compareAndExchange(long address, int size, long expected, long number) {
        return loaded().atomic(GuestAtomic.EXCHANGE_IF, address, size, expected, number);
    }

    /**
     * Compares a number with an expected one, and writes a new one if they are equal, atomically. {@link #value} is 1
     * if the new value was written and 0 if not.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param expected the expected value; bits above its size are ignored, so it may be sign-extended
     * @param number the new value
     * @return MINOR if it was compared, else the fault; ADRALN for an address that is not aligned
     */
    public int compareAndSet(long address, int size, long expected, long number) {
        int result = compareAndExchange(address, size, expected, number);
        if (Fault.isDone(result)) {
            GuestMemory of = loaded();
            of.setValue(of.value() == (expected & -1L >>> (Long.SIZE - size * Byte.SIZE)) ? 1 : 0);
        }
        return result;
    }

    /**
     * Adds to a number atomically; {@link #value} has the old value.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param delta the value to add
     * @return MINOR if it was added, else the fault; ADRALN for an address that is not aligned
     */
    public int getAndAdd(long address, int size, long delta) {
        return loaded().atomic(GuestAtomic.ADD, address, size, 0, delta);
    }

    /**
     * Replaces a number atomically; {@link #value} has the old value.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param number the new value
     * @return MINOR if it was replaced, else the fault; ADRALN for an address that is not aligned
     */
    public int getAndSet(long address, int size, long number) {
        return loaded().atomic(GuestAtomic.SET, address, size, 0, number);
    }

    /**
     * Clears bits of a number atomically; {@link #value} has the old value.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param mask the bits that are not cleared
     * @return MINOR if it was changed, else the fault; ADRALN for an address that is not aligned
     */
    public int getAndBitwiseAnd(long address, int size, long mask) {
        return loaded().atomic(GuestAtomic.AND, address, size, 0, mask);
    }

    /**
     * Sets bits of a number atomically; {@link #value} has the old value.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param mask the bits that are set
     * @return MINOR if it was changed, else the fault; ADRALN for an address that is not aligned
     */
    public int getAndBitwiseOr(long address, int size, long mask) {
        return loaded().atomic(GuestAtomic.OR, address, size, 0, mask);
    }

    /**
     * Flips bits of a number atomically; {@link #value} has the old value.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param mask the bits that are flipped
     * @return MINOR if it was changed, else the fault; ADRALN for an address that is not aligned
     */
    public int getAndBitwiseXor(long address, int size, long mask) {
        return loaded().atomic(GuestAtomic.XOR, address, size, 0, mask);
    }

    /**
     * Copies bytes out of memory, page by page. Each page is read at some instant; the whole copy is not atomic.
     *
     * @param address of the first byte
     * @param target receives the bytes
     * @param at index of the first byte in {@code target}
     * @param length number of bytes
     * @return the number of copied bytes; if it is smaller than {@code length}, {@link #fault} has the reason
     */
    public int copyOut(long address, byte[] target, int at, int length) {
        Objects.checkFromIndexSize(at, length, target.length);
        return loaded().bytes().transfer(address, target, at, length, false);
    }

    /**
     * Copies bytes into memory, page by page.
     *
     * @param address of the first byte
     * @param source has the bytes
     * @param at index of the first byte in {@code source}
     * @param length number of bytes
     * @return the number of copied bytes; if it is smaller than {@code length}, {@link #fault} has the reason
     */
    public int copyIn(long address, byte[] source, int at, int length) {
        Objects.checkFromIndexSize(at, length, source.length);
        return loaded().bytes().transfer(address, source, at, length, true);
    }

    /**
     * Fills memory with a byte, page by page.
     *
     * @param address of the first byte
     * @param length number of bytes, not negative
     * @param with the byte
     * @return the number of filled bytes; if it is smaller than {@code length}, {@link #fault} has the reason
     */
    public long fill(long address, long length, byte with) {
        return loaded().bytes().fill(address, length, with);
    }

    /**
     * Copies a string of bytes that a 0 ends ({@code strncpy_from_user}).
     *
     * @param address of the first byte
     * @param target receives the string; bytes of it after the string may be overwritten
     * @return the length of the string; the length of the target if the string does not end within it; -1 if an access
     *     failed before the end, and {@link #fault} has the reason
     */
    public int string(long address, byte[] target) {
        return loaded().bytes().string(address, target);
    }

    /**
     * Pins the frame of a page: its memory stays usable until {@link #unpin}, even if the mapping changes. For devices
     * and long I/O. Accesses through the pin follow the mapping only until the mapping is changed.
     *
     * @param address an address of the page
     * @param access READ or WRITE of {@link Protection}; a frame that is pinned for writing counts as written
     * @return the frame; or the negated {@link Fault}, which is OOM also if the page has the largest number of pins
     */
    public int pin(long address, int access) {
        return loaded().pins().pin(address, (access & Protection.WRITE) != 0);
    }

    /**
     * Releases a pin.
     *
     * @param frame a frame that has a pin of this machine
     * @param written whether it was written through the pin
     * @throws IllegalStateException if it has no pin
     */
    public void unpin(int frame, boolean written) {
        loaded().pins().unpin(frame, written);
    }

    /**
     * Returns the store with the bytes of pinned frames.
     *
     * @return the store of the space's machine
     */
    public FrameStore frameStore() {
        return loaded().store();
    }
}
