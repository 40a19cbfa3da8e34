// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.guest.CpuMemory;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * The memory of a CPU, as guest code sees it: all accesses to the space of the CPU. {@link dev.samara.core.Cpu#memory}
 * returns it. A CPU has one for its whole life, in all spaces. So a loop of guest code keeps it in a local variable or
 * in a final field.
 *
 * <p>This is the complete interface, and the slow one: each access checks the thread and the state of the CPU, and
 * reports a fault by its result. {@link FlatMemory} has the accesses to numbers in one step, for the loop of an
 * interpreter; it makes an access here if the TLB does not have the translation.
 *
 * <p>An access reads or writes numbers (atomically or not), bytes or a string, or pins a frame. A {@link PageRun} has
 * the bytes themselves. An access to numbers either happens as a whole or not at all; a copy of bytes, a fill and the
 * read of a string end at the first page that they cannot access. If an access fails, it returns a {@link Fault}, or
 * the number of bytes before it, and {@link #faultAddress} has its address. An access throws and allocates nothing for
 * an error of the guest. An access that would have to wait throws {@link IllegalStateException} while another CPU of
 * the thread is in GUEST, unless that is the CPU of a {@link dev.samara.core.Guest}, and within {@code rcuMapPages}.
 * Each access finds, for each page that it touches, the mapping of some instant of the call. After a {@code munmap},
 * {@code mprotect} or similar call has returned, no access succeeds that the new state forbids. This holds in GUEST and
 * outside it: outside, each access, or each page of a copy, enters GUEST for its own duration.
 *
 * <p>Plain accesses may have any address, also across a page boundary; aligned ones of up to 8 bytes are single
 * accesses. Atomic accesses must be aligned. Each access throws {@link IllegalStateException} if the thread does not
 * own the CPU, or the CPU has no space. Only the owner may call {@link #value}, {@link #faultAddress} and {@link
 * #fault}; only a {@linkplain dev.samara.core.MachineBuilder#checked checked} machine refuses them to other threads.
 */
public abstract sealed class GuestMemory permits CpuMemory {
    /** The only FlatMemory that this memory will have, stored by its constructor. For the owner of the CPU. */
    @Nullable
    FlatMemory flat;

    /* The reservation. For the owner of the CPU. */
    private long reservedAddress;

    /** Bytes; 0 for no reservation. */
    private int reservedSize;

    private long reservedNumber;

    /** Only for CPUs. */
    protected GuestMemory() {}

    /**
     * Returns the {@link FlatMemory} in use, the one that was constructed with this memory.
     *
     * @return the object, always the same one once it is constructed; null before that
     */
    public final @Nullable FlatMemory flat() {
        return flat;
    }

    /**
     * Sets the byte order of numbers; little-endian unless set. It holds for all spaces of the CPU.
     *
     * @param order the order
     * @throws NullPointerException if {@code order} is null; nothing is changed then
     * @throws IllegalStateException if the CPU has a {@link FlatMemory} of another order
     */
    public abstract void order(ByteOrder order);

    /**
     * Returns the number that the last successful access has read.
     *
     * @return the number, in the low bits; the bits above its size are 0. 0 if no access has read since the CPU went to
     *     the space, or it has no space
     */
    public abstract long value();

    /**
     * Returns the address at which the last failed access has failed.
     *
     * @return the address; for an access across a page boundary, in the page that failed; 0 if the CPU has no space
     */
    public abstract long faultAddress();

    /**
     * Returns why the last copy, fill or read of a string ended early, or why the last pin was refused. An access to a
     * number that fails afterwards replaces the reason.
     *
     * @return a {@link Fault}; NONE if no access has failed since the last copy, fill, read of a string or pin began,
     *     or the CPU has no space
     */
    public abstract int fault();

    /**
     * Returns the last access that has failed, with all that a signal needs to know of it. Allocates the
     * record.
     *
     * @return its fault; null if none has failed in this space, or the CPU has no space
     */
    public abstract @Nullable Fault lastFault();

    /**
     * Makes a page accessible without an access to it.
     *
     * @param address any address
     * @param access bits of {@link Protection}
     * @return a {@link Fault}
     * @throws IllegalArgumentException if {@code access} has bits that are not of {@link Protection}
     */
    public abstract int handleFault(long address, int access);

    /**
     * Reads a number into {@link #value}.
     *
     * @param address of its lowest byte
     * @param size bytes: 1, 2, 4 or 8
     * @return NONE if it was read, else the fault
     */
    public abstract int load(long address, int size);

    /**
     * Reads an instruction, or a part of one, into {@link #value}. Like {@link #load}, but requires the right to
     * execute.
     *
     * @param address of its lowest byte
     * @param size bytes: 1, 2, 4 or 8
     * @return NONE if it was read, else the fault
     */
    public abstract int fetch(long address, int size);

    /**
     * Writes a number.
     *
     * @param address of its lowest byte
     * @param size bytes: 1, 2, 4 or 8
     * @param number the new value; bits above its size are ignored
     * @return NONE if it was written, else the fault
     */
    public abstract int store(long address, int size, long number);

    /**
     * Writes 16 bytes as two numbers of eight. The first one is at the lower address. Nothing is written before both
     * are known to be writable. Each number is one access if the address is a multiple of 8.
     *
     * @param address of the lowest byte
     * @param first the number at the address
     * @param second the number at the address plus 8
     * @return NONE if both were written, else the fault
     */
    public abstract int storePair(long address, long first, long second);

    /**
     * Reads a number into {@link #value} atomically, with volatile ordering.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @return NONE if it was read, else the fault; ADRALN for an address that is not aligned
     */
    public abstract int loadVolatile(long address, int size);

    /**
     * Writes a number atomically, with volatile ordering.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param number the new value
     * @return NONE if it was written, else the fault; ADRALN for an address that is not aligned
     */
    public abstract int storeVolatile(long address, int size, long number);

    /**
     * Compares a number with an expected one, and writes a new one if they are equal, atomically. {@link #value} has
     * the old value, with zeros above its size; if it is the expected value, the new value was written.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param expected the expected value; bits above its size are ignored, so it may be sign-extended
     * @param number the new value
     * @return NONE if it was compared, else the fault; ADRALN for an address that is not aligned
     */
    public abstract int compareAndExchange(long address, int size, long expected, long number);

    /**
     * Compares a number with an expected one, and writes a new one if they are equal, atomically. {@link #value} is 1
     * if the new value was written and 0 if not.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param expected the expected value; bits above its size are ignored, so it may be sign-extended
     * @param number the new value
     * @return NONE if it was compared, else the fault; ADRALN for an address that is not aligned
     */
    public abstract int compareAndSet(long address, int size, long expected, long number);

    /**
     * Reads a number into {@link #value} atomically, with volatile ordering, and reserves its address for {@link
     * #storeConditional}. The CPU has one reservation: this one replaces the last one. If the number cannot be read,
     * the last one stays.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @return NONE if it was read, else the fault; ADRALN for an address that is not aligned
     */
    public abstract int loadReserved(long address, int size);

    /**
     * Writes a number atomically, with volatile ordering, if the CPU has a reservation of this address and size, and
     * memory has the number that {@link #loadReserved} has read. {@link #value} is 1 if the number was written and 0 if
     * not. The call ends the reservation, whatever its result. Without a reservation of this address and size it makes
     * no access, so it cannot fail.
     *
     * <p>The numbers are compared, and nothing else: the call succeeds also if another CPU has written since the
     * number was read, and memory has the same number again ({@linkplain FlatMemory ABA}).
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param number the new value; bits above its size are ignored
     * @return NONE if it was written or not, else the fault
     */
    public abstract int storeConditional(long address, int size, long number);

    /**
     * Ends the reservation, so that the next {@link #storeConditional} writes nothing: for exceptions and signals of
     * the guest and the return from them, for another thread of the guest on this CPU, and for instructions such as
     * CLREX. A CPU that goes to a space has none. Makes no access, and never waits.
     */
    public final void clearReservation() {
        reservedSize = 0;
    }

    /**
     * Reserves a number that was read.
     *
     * @param address of its lowest byte
     * @param size bytes
     * @param number the number
     */
    protected final void reserve(long address, int size, long number) {
        reservedAddress = address;
        reservedSize = size;
        reservedNumber = number;
    }

    /**
     * Ends the reservation.
     *
     * @param address of the lowest byte
     * @param size bytes
     * @return whether there was one, of this address and size
     */
    protected final boolean takeReservation(long address, int size) {
        boolean isReserved = reservedSize == size && reservedAddress == address;
        reservedSize = 0;
        return isReserved;
    }

    /**
     * Returns the number of the last reservation, also if it has ended.
     *
     * @return the number
     */
    protected final long reservedNumber() {
        return reservedNumber;
    }

    /**
     * Adds to a number atomically; {@link #value} has the old value.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param delta the value to add
     * @return NONE if it was added, else the fault; ADRALN for an address that is not aligned
     */
    public abstract int getAndAdd(long address, int size, long delta);

    /**
     * Replaces a number atomically; {@link #value} has the old value.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param number the new value
     * @return NONE if it was replaced, else the fault; ADRALN for an address that is not aligned
     */
    public abstract int getAndSet(long address, int size, long number);

    /**
     * Clears bits of a number atomically; {@link #value} has the old value.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param mask the bits that are not cleared
     * @return NONE if it was changed, else the fault; ADRALN for an address that is not aligned
     */
    public abstract int getAndBitwiseAnd(long address, int size, long mask);

    /**
     * Sets bits of a number atomically; {@link #value} has the old value.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param mask the bits that are set
     * @return NONE if it was changed, else the fault; ADRALN for an address that is not aligned
     */
    public abstract int getAndBitwiseOr(long address, int size, long mask);

    /**
     * Flips bits of a number atomically; {@link #value} has the old value.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param mask the bits that are flipped
     * @return NONE if it was changed, else the fault; ADRALN for an address that is not aligned
     */
    public abstract int getAndBitwiseXor(long address, int size, long mask);

    /**
     * Copies bytes out of memory, page by page. Each page is read at some instant; the whole copy is not atomic.
     *
     * @param address of the first byte
     * @param target receives the bytes
     * @param at index of the first byte in {@code target}
     * @param length number of bytes
     * @return the number of copied bytes; if it is smaller than {@code length}, {@link #fault} has the reason
     * @throws IndexOutOfBoundsException if the array does not have these bytes
     */
    public abstract int copyOut(long address, byte[] target, int at, int length);

    /**
     * Copies bytes into memory, page by page.
     *
     * @param address of the first byte
     * @param source has the bytes
     * @param at index of the first byte in {@code source}
     * @param length number of bytes
     * @return the number of copied bytes; if it is smaller than {@code length}, {@link #fault} has the reason
     * @throws IndexOutOfBoundsException if the array does not have these bytes
     */
    public abstract int copyIn(long address, byte[] source, int at, int length);

    /**
     * Copies bytes out of memory into the remaining bytes of a buffer, page by page. The position of the buffer
     * advances by the number of copied bytes. The bytes after these may have changed, too.
     *
     * <p>Pages of a {@code HostFile} that are neither mapped nor in memory, 64 KiB or more side by side, are, as a
     * rule, read from the host without the page cache, as {@code HostFile.pread} reads them: they do not come into
     * memory, and evict nothing, and do not count as accessed. All other pages are faulted in.
     *
     * @param address of the first byte
     * @param target receives the bytes; a heap or a direct buffer
     * @return the number of copied bytes; if it is smaller than the number of bytes that remained, {@link #fault} has
     *     the reason
     * @throws java.nio.ReadOnlyBufferException if {@code target} is read-only
     */
    public abstract int copyOut(long address, ByteBuffer target);

    /**
     * Copies the remaining bytes of a buffer into memory, page by page. The position of the buffer advances by the
     * number of copied bytes.
     *
     * @param address of the first byte
     * @param source has the bytes; a heap or a direct buffer
     * @return the number of copied bytes; if it is smaller than the number of bytes that remained, {@link #fault} has
     *     the reason
     */
    public abstract int copyIn(long address, ByteBuffer source);

    /**
     * Copies bytes within memory, as {@code memmove}: the ranges may overlap, and the target receives the bytes that
     * the source had before. The direction follows from the addresses, as for a copy byte by byte: from the last byte
     * down if the target starts within the source and above its start, otherwise from the first byte up. If two
     * mappings share the bytes, their addresses do not show the overlap, and bytes may be copied that this copy has
     * written.
     *
     * <p>The copy ends at the first byte, in its direction, that it cannot read, or cannot write. {@link #faultAddress}
     * is the address of exactly this byte, for the source if neither side can be accessed. All bytes before it were
     * copied, and no other: a copy down that ends early has copied the last bytes of the range. Not more than a page
     * is copied at one instant; the whole copy is not atomic.
     *
     * @param from address of the first byte of the source
     * @param to address of the first byte of the target
     * @param length number of bytes, not negative
     * @return the number of copied bytes; if it is smaller than {@code length}, {@link #fault} has the reason
     */
    public abstract long copy(long from, long to, long length);

    /**
     * Fills memory with a byte, page by page.
     *
     * @param address of the first byte
     * @param length number of bytes, not negative
     * @param with the byte
     * @return the number of filled bytes; if it is smaller than {@code length}, {@link #fault} has the reason
     */
    public abstract long fill(long address, long length, byte with);

    /**
     * Copies a string of bytes that a 0 ends ({@code strncpy_from_user}).
     *
     * @param address of the first byte
     * @param target receives the string; bytes of it after the string may be overwritten
     * @return the length of the string; the length of the target if the string does not end within it; -1 if an access
     *     failed before the end, and {@link #fault} has the reason
     */
    public abstract int string(long address, byte[] target);

    /**
     * Returns the key of a futex word ({@code get_futex_key}): what {@link FutexTable} knows it by, and what the
     * embedder's own tables, of locks with an owner say, can use.
     *
     * <p>A word that may be shared is touched, as a write where the mapping permits it. So a private page of a file is
     * a copy of its own by then.
     *
     * @param address of the word of 4 bytes
     * @param isShared whether the word may be shared between processes
     * @param access WRITE of {@link Protection} if a shared word must be writable; else READ
     * @return the key; null if there is none, and {@link #fault} has the reason: ADRALN for an address that is no
     *     multiple of 4 (EINVAL); MAPERR beyond the space; ACCERR also for a shared word on a private page that cannot
     *     be written (EFAULT); or why the page cannot be accessed
     */
    public abstract @Nullable FutexKey futexKey(long address, boolean isShared, int access);

    /**
     * Makes a cursor over the bytes of pages as they lie in memory, without a copy. It finds nothing until its first
     * {@link PageRun#seek}. Code makes one for each place at which it reads or writes at the same time, and keeps it:
     * a seek allocates nothing once the cursor has been in the part of memory.
     *
     * @return a cursor of this CPU, in all spaces of it
     */
    @Experimental
    public abstract PageRun newRun();

    /**
     * Pins the frame of a page: its memory stays usable until {@link PinnedFrame#close}, even if the mapping changes.
     * For devices and long I/O. Accesses through the pin follow the mapping only until the mapping is changed. The call
     * allocates the pin, if the access succeeds.
     *
     * @param address an address of the page
     * @param access READ or WRITE of {@link Protection}; a frame that is pinned for writing counts as written
     * @return the pin, to be released once; null if the access fails. The reason is then {@link #fault}, and
     *     OUT_OF_MEMORY also if the page has the largest number of pins
     */
    public abstract @Nullable PinnedFrame pin(long address, int access);
}
