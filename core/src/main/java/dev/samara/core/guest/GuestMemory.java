// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.guest.CpuMemory;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * The memory of a CPU, as guest code sees it: all accesses to the space of the CPU. {@link dev.samara.core.Cpu#memory}
 * returns it. A CPU has one such object for its whole life, in all spaces. So a loop of guest code may keep the object
 * in a local variable or in a final field.
 *
 * <p>This interface is complete, but slow: each access checks the thread and the state of the CPU, and returns a fault
 * as its result. For the loop of an interpreter, {@link FlatMemory} provides fast accesses to numbers; it calls this
 * class if the TLB does not contain the translation.
 *
 * <p>An access reads or writes numbers (atomically or not), bytes or a string, or pins a frame. A {@link PageRun} gives
 * direct access to the bytes. An access to numbers either happens as a whole or not at all; a copy of bytes, a fill and
 * the read of a string end at the first page that they cannot access. If an access fails, it returns a {@link Fault},
 * or the number of bytes before the fault, and {@link #faultAddress} returns the address of the fault. For an error of
 * the guest, an access neither throws nor allocates. An access that would have to wait throws {@link
 * IllegalStateException} within {@code rcuMapPages}, and while another CPU of the thread is in GUEST, unless that is
 * the CPU of a {@link dev.samara.core.Guest}. For each page that it touches, an access uses the mapping at some instant
 * of the call. After a {@code munmap}, {@code mprotect} or similar call has returned, no access succeeds that the new
 * state forbids. This holds in GUEST and outside GUEST, where each access, or each page of a copy, enters GUEST for its
 * duration.
 *
 * <p>Plain accesses may be at any address, and may cross a page boundary; aligned ones of up to 8 bytes do not tear.
 * Atomic accesses must be aligned. Each access throws {@link IllegalStateException} if the thread does not own the CPU,
 * or the CPU has no space. Only the owner may call {@link #value}, {@link #faultAddress} and {@link #fault}, but only a
 * {@linkplain dev.samara.core.MachineBuilder#checked checked} machine rejects calls by other threads.
 */
public abstract sealed class GuestMemory permits CpuMemory {
    /**
     * The FlatMemory of this memory. The constructor of the FlatMemory stores it here, once. Used only by the owner of
     * the CPU.
     */
    @Nullable
    FlatMemory flat;

    /* The reservation. Used only by the owner of the CPU. */
    private long reservedAddress;

    /** Bytes; 0 for no reservation. */
    private int reservedSize;

    private long reservedNumber;

    /** Only for CPUs. */
    protected GuestMemory() {}

    /**
     * Returns the {@link FlatMemory} that was constructed with this memory.
     *
     * @return the object, always the same one once it is constructed; null before that
     */
    public final @Nullable FlatMemory flat() {
        return flat;
    }

    /**
     * Returns whether the calling thread owns the CPU: it claimed the CPU, or entered a space, and has neither handed
     * the CPU over nor left the space since. Any thread may call this.
     *
     * @return true if the calling thread may make accesses, as far as the owner is concerned
     */
    public abstract boolean isMine();

    /**
     * Leaves GUEST until the next poll, as {@link dev.samara.core.Guest#leave} does. For code that has this object, and
     * not the guest.
     *
     * @throws IllegalStateException if the CPU is not the CPU of a {@link dev.samara.core.Guest}, the thread does not
     *     own it, or it is in a fault or in one of its listeners; nothing has changed then
     */
    public abstract void leave();

    /**
     * Sets the byte order of numbers; little-endian unless set. It holds for all spaces of the CPU.
     *
     * @param order the order
     * @throws NullPointerException if {@code order} is null; nothing is changed then
     * @throws IllegalStateException if the CPU has a {@link FlatMemory} of another order
     */
    public abstract void order(ByteOrder order);

    /**
     * Returns the number that the last successful access read.
     *
     * @return the number, in the low bits; the bits above its size are 0. 0 if no access has read a number since the
     *     CPU entered the space, or if it has no space
     */
    public abstract long value();

    /**
     * Returns the address at which the last failed access failed.
     *
     * @return the address; if the access crossed a page boundary, an address in the page that failed; 0 if the CPU has
     *     no space
     */
    public abstract long faultAddress();

    /**
     * Returns why the last copy, fill or read of a string ended early, or why the last pin failed. A later failed
     * access to a number replaces the reason.
     *
     * @return a {@link Fault}; NONE if no access has failed since the start of the last copy, fill, read of a string or
     *     pin, or if the CPU has no space
     */
    public abstract int fault();

    /**
     * Returns a record of the last failed access, with all data that a signal needs. Allocates the record.
     *
     * @return the record; null if no access has failed in this space, or if the CPU has no space
     */
    public abstract @Nullable Fault lastFault();

    /**
     * Makes a page accessible without accessing it.
     *
     * @param address any address
     * @param access {@code PROT_*} bits of {@link Mman}
     * @return a {@link Fault}
     * @throws IllegalArgumentException if {@code access} has bits other than {@code PROT_*}
     */
    public abstract int handleFault(long address, int access);

    /**
     * Reads a number into {@link #value}.
     *
     * @param address of its lowest byte
     * @param size bytes: 1, 2, 4 or 8
     * @return NONE if the number was read, else the fault
     */
    public abstract int load(long address, int size);

    /**
     * Reads an instruction, or a part of one, into {@link #value}. Like {@link #load}, but requires the right to
     * execute.
     *
     * @param address of its lowest byte
     * @param size bytes: 1, 2, 4 or 8
     * @return NONE if the number was read, else the fault
     */
    public abstract int fetch(long address, int size);

    /**
     * Writes a number.
     *
     * @param address of its lowest byte
     * @param size bytes: 1, 2, 4 or 8
     * @param number the new value; bits above its size are ignored
     * @return NONE if the number was written, else the fault
     */
    public abstract int store(long address, int size, long number);

    /**
     * Writes 16 bytes as two numbers of eight, the first one at the lower address. Nothing is written unless both can
     * be written. Neither number tears if the address is a multiple of 8.
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
     * @return NONE if the number was read, else the fault; ADRALN for an address that is not aligned
     */
    public abstract int loadVolatile(long address, int size);

    /**
     * Writes a number atomically, with volatile ordering.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param number the new value
     * @return NONE if the number was written, else the fault; ADRALN for an address that is not aligned
     */
    public abstract int storeVolatile(long address, int size, long number);

    /**
     * Compares a number with an expected one, and writes a new one if they are equal, atomically. {@link #value} is the
     * old value, zero-extended; if it is the expected value, the new value was written.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param expected the expected value; bits above its size are ignored, so it may be sign-extended
     * @param number the new value
     * @return NONE if the numbers were compared, else the fault; ADRALN for an address that is not aligned
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
     * @return NONE if the numbers were compared, else the fault; ADRALN for an address that is not aligned
     */
    public abstract int compareAndSet(long address, int size, long expected, long number);

    /**
     * Reads a number into {@link #value} atomically, with volatile ordering, and reserves its address for {@link
     * #storeConditional}. The CPU has one reservation, and the new one replaces it. If the number cannot be read, the
     * previous reservation stays.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @return NONE if the number was read, else the fault; ADRALN for an address that is not aligned
     */
    public abstract int loadReserved(long address, int size);

    /**
     * Writes a number atomically, with volatile ordering, if the CPU has a reservation of this address and size, and
     * memory contains the number that {@link #loadReserved} read. {@link #value} is 1 if the number was written and 0
     * if not. The call always ends the reservation. Without a reservation of this address and size it accesses no
     * memory, so it cannot fail.
     *
     * <p>Only the numbers are compared: the call also succeeds if other CPUs wrote to memory after the number was read,
     * but memory contains the same number again ({@linkplain FlatMemory ABA}).
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param number the new value; bits above its size are ignored
     * @return NONE whether or not the number was written, or the fault of the access
     */
    public abstract int storeConditional(long address, int size, long number);

    /**
     * Ends the reservation, so that the next {@link #storeConditional} writes nothing. Call it at exceptions and
     * signals of the guest, at the return from them, before another thread of the guest runs on this CPU, and for
     * instructions such as CLREX. A CPU that enters a space has no reservation. Accesses no memory, and never waits.
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
     * @return whether there was a reservation of this address and size
     */
    protected final boolean takeReservation(long address, int size) {
        boolean isReserved = reservedSize == size && reservedAddress == address;
        reservedSize = 0;
        return isReserved;
    }

    /**
     * Returns the number of the last reservation, even if it has ended.
     *
     * @return the number
     */
    protected final long reservedNumber() {
        return reservedNumber;
    }

    /**
     * Adds to a number atomically; {@link #value} is then the old value.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param delta the value to add
     * @return NONE if the number was changed, else the fault; ADRALN for an address that is not aligned
     */
    public abstract int getAndAdd(long address, int size, long delta);

    /**
     * Replaces a number atomically; {@link #value} is then the old value.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param number the new value
     * @return NONE if the number was changed, else the fault; ADRALN for an address that is not aligned
     */
    public abstract int getAndSet(long address, int size, long number);

    /**
     * Clears bits of a number atomically; {@link #value} is then the old value.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param mask the bits that are not cleared
     * @return NONE if the number was changed, else the fault; ADRALN for an address that is not aligned
     */
    public abstract int getAndBitwiseAnd(long address, int size, long mask);

    /**
     * Sets bits of a number atomically; {@link #value} is then the old value.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param mask the bits that are set
     * @return NONE if the number was changed, else the fault; ADRALN for an address that is not aligned
     */
    public abstract int getAndBitwiseOr(long address, int size, long mask);

    /**
     * Flips bits of a number atomically; {@link #value} is then the old value.
     *
     * @param address a multiple of the size
     * @param size bytes: 1, 2, 4 or 8
     * @param mask the bits that are flipped
     * @return NONE if the number was changed, else the fault; ADRALN for an address that is not aligned
     */
    public abstract int getAndBitwiseXor(long address, int size, long mask);

    /**
     * Copies bytes out of memory, page by page. Each page is read at some instant; the whole copy is not atomic.
     *
     * @param address of the first byte
     * @param target receives the bytes
     * @param at index of the first byte in {@code target}
     * @param length number of bytes
     * @return the number of copied bytes; if it is smaller than {@code length}, {@link #fault} returns the reason
     * @throws IndexOutOfBoundsException if the array does not have these bytes
     */
    public abstract int copyOut(long address, byte[] target, int at, int length);

    /**
     * Copies bytes into memory, page by page.
     *
     * @param address of the first byte
     * @param source contains the bytes
     * @param at index of the first byte in {@code source}
     * @param length number of bytes
     * @return the number of copied bytes; if it is smaller than {@code length}, {@link #fault} returns the reason
     * @throws IndexOutOfBoundsException if the array does not have these bytes
     */
    public abstract int copyIn(long address, byte[] source, int at, int length);

    /**
     * Copies bytes out of memory into the remaining bytes of a buffer, page by page. The position of the buffer
     * advances by the number of copied bytes. Bytes of the buffer after the new position may also have changed.
     *
     * <p>If 64 KiB or more of consecutive pages of a {@code HostFile} are neither mapped nor in memory, these pages are
     * usually read from the host without the page cache, as {@code HostFile.pread} reads them. They are then not kept
     * in memory, evict nothing, and do not count as accessed. All other pages are faulted in.
     *
     * @param address of the first byte
     * @param target receives the bytes; a heap or a direct buffer
     * @return the number of copied bytes; if it is smaller than the number of bytes that remained, {@link #fault}
     *     returns the reason
     * @throws java.nio.ReadOnlyBufferException if {@code target} is read-only
     */
    public abstract int copyOut(long address, ByteBuffer target);

    /**
     * Copies the remaining bytes of a buffer into memory, page by page. The position of the buffer advances by the
     * number of copied bytes.
     *
     * @param address of the first byte
     * @param source contains the bytes; a heap or a direct buffer
     * @return the number of copied bytes; if it is smaller than the number of bytes that remained, {@link #fault}
     *     returns the reason
     */
    public abstract int copyIn(long address, ByteBuffer source);

    /**
     * Copies bytes within memory, as {@code memmove}: the ranges may overlap, and the target receives the bytes that
     * the source contained before. The addresses determine the direction, as for a copy byte by byte: from the last
     * byte down if the target starts within the source and above its start, otherwise from the first byte up. If two
     * mappings share the bytes, their addresses do not show the overlap, so this method may copy bytes that it wrote
     * itself.
     *
     * <p>The copy ends at the first byte, in its direction, that it cannot read or cannot write. {@link #faultAddress}
     * is the address of exactly this byte; if the byte can neither be read nor written, it is the address in the
     * source. Exactly the bytes before it, in the direction of the copy, were copied: a copy downwards that ends early
     * copied the last bytes of the range. At most one page is copied at one instant, so the whole copy is not atomic.
     *
     * @param from address of the first byte of the source
     * @param to address of the first byte of the target
     * @param length number of bytes, not negative
     * @return the number of copied bytes; if it is smaller than {@code length}, {@link #fault} returns the reason
     */
    public abstract long copy(long from, long to, long length);

    /**
     * Fills memory with a byte, page by page.
     *
     * @param address of the first byte
     * @param length number of bytes, not negative
     * @param with the byte
     * @return the number of filled bytes; if it is smaller than {@code length}, {@link #fault} returns the reason
     */
    public abstract long fill(long address, long length, byte with);

    /**
     * Copies a string that a byte 0 terminates ({@code strncpy_from_user}).
     *
     * @param address of the first byte
     * @param target receives the string; its bytes after the string may be overwritten
     * @return the length of the string; the length of the target if the string does not end within it; -1 if an access
     *     failed before the end, and {@link #fault} returns the reason
     */
    public abstract int string(long address, byte[] target);

    /**
     * Returns the key of a futex word ({@code get_futex_key}). {@link FutexTable} identifies words by such keys, and so
     * can an embedder's own tables, e.g. for locks with an owner.
     *
     * <p>The page of a word that may be shared is faulted in, for writing if the mapping permits that. In a private
     * mapping of a file, the page is then the mapping's own copy.
     *
     * @param address of the word of 4 bytes
     * @param isShared whether the word may be shared between processes
     * @param access {@link Mman#WRITE} if a shared word must be writable; otherwise READ
     * @return the key; null if there is none, and {@link #fault} returns the reason: ADRALN for an address that is not
     *     a multiple of 4 (EINVAL); MAPERR beyond the limit of the space; ACCERR also for a shared word on a private
     *     page that cannot be written (EFAULT); or why the page cannot be accessed
     */
    public abstract @Nullable FutexKey futexKey(long address, boolean isShared, int access);

    /**
     * Creates a cursor over the bytes of pages in memory, without a copy. It has no run until its first {@link
     * PageRun#seek}. Code needs one cursor for each place that it reads or writes at the same time, and should keep the
     * cursors, because a seek into a part of memory that the cursor has visited before allocates nothing.
     *
     * @return a cursor of this CPU, for all its spaces
     */
    @Experimental
    public abstract PageRun newRun();

    /**
     * Pins the frame of a page: its memory stays usable until {@link PinnedFrame#close}, even if the mapping changes.
     * Pins are for devices and long I/O. Accesses through the pin see the page of the mapping only until the mapping
     * changes. If the access succeeds, the call allocates the pin.
     *
     * @param address an address of the page
     * @param access {@link Mman#READ} or WRITE; a frame that is pinned for writing counts as written
     * @return the pin, to be released once; null if the access fails. {@link #fault} then returns the reason, which is
     *     OUT_OF_MEMORY also if the page has the maximum number of pins
     */
    public abstract @Nullable PinnedFrame pin(long address, int access);

    /**
     * Returns a read-only view of bytes, which stays valid after this call. The pages are faulted in as a read does.
     * For each page, the view shows the mapping at some instant of the call.
     *
     * @param address of the first byte
     * @param length number of bytes, positive; they may be in several pages
     * @return the view of all bytes; null if a page cannot be accessed. {@link #fault} then returns the reason, and
     *     {@link #faultAddress} an address in the page
     * @throws IllegalArgumentException if {@code length} is not positive
     */
    @Experimental
    public abstract @Nullable PageView view(long address, int length);
}
