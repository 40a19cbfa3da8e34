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
 * What a {@link Cpu} reads and writes by address, in the space that it has loaded: numbers, atomically or not, bytes,
 * strings; and pins of frames for who needs their bytes for longer.
 *
 * <p>An access either happens as a whole or not at all: then what is returned is a {@link Fault} and {@link
 * #faultAddress} says where. Nothing is thrown for what a guest does, and nothing allocated; but an access that would
 * have to wait throws {@link IllegalStateException} while another CPU of the thread is in GUEST, and within {@code
 * rcuMapPages}. Each access finds the mapping of some instant of the call; after a {@code munmap}, {@code mprotect} or
 * the like has returned, none is made that the new state forbids. In GUEST or not: where the CPU is not in it, each
 * access, or each page of a copy, enters it for its own time.
 *
 * <p>Plain accesses may have any address, also across a page boundary; aligned ones of up to 8 bytes are made at once.
 * Atomic ones have to be aligned. Each access throws {@link IllegalStateException} if the thread does not own the CPU,
 * or no space is loaded. {@link #value}, {@link #faultAddress} and {@link #fault} are the owner's too; only a
 * {@linkplain Machine.Builder#checked checked} machine refuses them to other threads.
 */
public abstract sealed class MemoryAccess permits Cpu {
    private boolean swapsBytes;

    MemoryAccess() {}

    /** What is accessed; null while no space is loaded. */
    abstract @Nullable GuestMemory guestOrNull();

    /** The same for the owner's thread, who must have loaded a space. */
    abstract GuestMemory loaded();

    /** Refuses any thread but the owner. */
    abstract void own();

    boolean swapsBytes() {
        return swapsBytes;
    }

    /**
     * Sets the order of bytes in numbers; little-endian unless set.
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
     * What the last successful access has read.
     *
     * @return the number, in the low bits; the bits above its size are 0. 0 if there was none since the space was
     *     loaded
     */
    public long value() {
        GuestMemory of = guestOrNull();
        return of == null ? 0 : of.value();
    }

    /**
     * Where the last access that failed has failed.
     *
     * @return an address; for one across a page boundary, of the page that failed
     */
    public long faultAddress() {
        GuestMemory of = guestOrNull();
        return of == null ? 0 : of.faultAddress();
    }

    /**
     * Why the last copy, fill or search came to an end before its time.
     *
     * @return a {@link Fault}; MINOR if it did not
     */
    public int fault() {
        GuestMemory of = guestOrNull();
        return of == null ? 0 : of.fault();
    }

    /**
     * Makes a page accessible, without an access.
     *
     * @param address any address
     * @param access bits of {@link Protection}
     * @return a {@link Fault}
     */
    public int handleFault(long address, int access) {
        return loaded().handleFault(address, access);
    }

    /**
     * Reads a number; {@link #value} has it then.
     *
     * @param address of its lowest byte
     * @param size bytes: 1, 2, 4 or 8
     * @return MINOR if it was read, else why not
     */
    public int load(long address, int size) {
        return loaded().read(address, size, Protection.READ);
    }

    /**
     * Reads an instruction, or part of one: like {@link #load}, but what must be allowed is execution.
     *
     * @param address of its lowest byte
     * @param size bytes: 1, 2, 4 or 8
     * @return MINOR if it was read, else why not
     */
    public int fetch(long address, int size) {
        return loaded().read(address, size, Protection.EXEC);
    }

    /**
     * Writes a number.
     *
     * @param address of its lowest byte
     * @param size bytes: 1, 2, 4 or 8
     * @param number what is written; bits above its size are ignored
     * @return MINOR if it was written, else why not
     */
    public int store(long address, int size, long number) {
        return loaded().write(address, size, number);
    }

    /**
     * Reads a number atomically, in the order of volatile variables.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @return MINOR if it was read, else why not; ADRALN for an address that is not aligned
     */
    public int loadVolatile(long address, int size) {
        return loaded().atomic(GuestAtomic.LOAD, address, size, 0, 0);
    }

    /**
     * Writes a number atomically, in the order of volatile variables.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param number what is written
     * @return MINOR if it was written, else why not; ADRALN for an address that is not aligned
     */
    public int storeVolatile(long address, int size, long number) {
        return loaded().atomic(GuestAtomic.STORE, address, size, 0, number);
    }

    /**
     * Writes a number if what is there is expected, atomically. {@link #value} has what was there, with zeros above its
     * size: it was written if that is what was expected.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param expected what must be there; bits above its size are ignored, so it may be sign-extended
     * @param number what is written
     * @return MINOR if it was compared, else why not; ADRALN for an address that is not aligned
     */
    public int compareAndExchange(long address, int size, long expected, long number) {
        return loaded().atomic(GuestAtomic.EXCHANGE_IF, address, size, expected, number);
    }

    /**
     * Writes a number if what is there is expected, atomically. {@link #value} is 1 if it was written and 0 if not.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param expected what must be there; bits above its size are ignored, so it may be sign-extended
     * @param number what is written
     * @return MINOR if it was compared, else why not; ADRALN for an address that is not aligned
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
     * Adds to a number atomically; {@link #value} has what was there.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param delta what is added
     * @return MINOR if it was done, else why not; ADRALN for an address that is not aligned
     */
    public int getAndAdd(long address, int size, long delta) {
        return loaded().atomic(GuestAtomic.ADD, address, size, 0, delta);
    }

    /**
     * Replaces a number atomically; {@link #value} has what was there.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param number what is written
     * @return MINOR if it was done, else why not; ADRALN for an address that is not aligned
     */
    public int getAndSet(long address, int size, long number) {
        return loaded().atomic(GuestAtomic.SET, address, size, 0, number);
    }

    /**
     * Clears bits of a number atomically; {@link #value} has what was there.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param mask the bits that are kept
     * @return MINOR if it was done, else why not; ADRALN for an address that is not aligned
     */
    public int getAndBitwiseAnd(long address, int size, long mask) {
        return loaded().atomic(GuestAtomic.AND, address, size, 0, mask);
    }

    /**
     * Sets bits of a number atomically; {@link #value} has what was there.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param mask the bits that are set
     * @return MINOR if it was done, else why not; ADRALN for an address that is not aligned
     */
    public int getAndBitwiseOr(long address, int size, long mask) {
        return loaded().atomic(GuestAtomic.OR, address, size, 0, mask);
    }

    /**
     * Flips bits of a number atomically; {@link #value} has what was there.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param mask the bits that are flipped
     * @return MINOR if it was done, else why not; ADRALN for an address that is not aligned
     */
    public int getAndBitwiseXor(long address, int size, long mask) {
        return loaded().atomic(GuestAtomic.XOR, address, size, 0, mask);
    }

    /**
     * Copies out of memory, page by page: each page at some instant, the whole at none.
     *
     * @param address of the first byte
     * @param target where to
     * @param at index of the first
     * @param length how many bytes
     * @return how many were copied; if fewer, {@link #fault} says why
     */
    public int copyOut(long address, byte[] target, int at, int length) {
        Objects.checkFromIndexSize(at, length, target.length);
        return loaded().bytes().transfer(address, target, at, length, false);
    }

    /**
     * Copies into memory, page by page.
     *
     * @param address of the first byte
     * @param source where from
     * @param at index of the first
     * @param length how many bytes
     * @return how many were copied; if fewer, {@link #fault} says why
     */
    public int copyIn(long address, byte[] source, int at, int length) {
        Objects.checkFromIndexSize(at, length, source.length);
        return loaded().bytes().transfer(address, source, at, length, true);
    }

    /**
     * Fills memory with a byte, page by page.
     *
     * @param address of the first byte
     * @param length how many bytes, not negative
     * @param with with what
     * @return how many were filled; if fewer, {@link #fault} says why
     */
    public long fill(long address, long length, byte with) {
        return loaded().bytes().fill(address, length, with);
    }

    /**
     * Copies a string of bytes that a 0 ends ({@code strncpy_from_user}).
     *
     * @param address of the first byte
     * @param target where to; what is in it behind the string may be overwritten
     * @return its length; the length of the target if it has no end within that; -1 if an access failed before its end,
     *     and {@link #fault} says why
     */
    public int string(long address, byte[] target) {
        return loaded().bytes().string(address, target);
    }

    /**
     * Pins the frame of a page: its memory stays usable until {@link #unpin}, whatever becomes of the mapping. For
     * devices and long I/O; what is read or written through it follows the mapping only as long as that is not changed.
     *
     * @param address an address of the page
     * @param access READ or WRITE of {@link Protection}; a frame pinned for writing counts as written
     * @return the frame; or negative, the negated {@link Fault} that it met; OOM too if the page has as many pins as
     *     can be counted
     */
    public int pin(long address, int access) {
        return loaded().pins().pin(address, (access & Protection.WRITE) != 0);
    }

    /**
     * Ends a pin.
     *
     * @param frame a frame that this machine has pinned
     * @param written whether it was written through the pin
     * @throws IllegalStateException if it has no pin
     */
    public void unpin(int frame, boolean written) {
        loaded().pins().unpin(frame, written);
    }

    /**
     * Where the bytes of pinned frames are.
     *
     * @return the store of the space's machine
     */
    public FrameStore frameStore() {
        return loaded().store();
    }
}
