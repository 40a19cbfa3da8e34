// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import java.nio.ByteOrder;

/**
 * The memory of a CPU for an interpreter or for generated code: an access is one call, which takes an address and
 * returns the number. If the TLB contains the translation, the access consists of one comparison of a tag, one addition
 * and one access to a buffer, besides the JVM's bounds checks, and the JVM's compiler inlines it. The {@link
 * GuestMemory} of the CPU performs the other accesses, under the rules of that class. Outside GUEST, each access enters
 * GUEST for its duration. In a machine's regions after the first one ({@link dev.samara.core.MachineBuilder#memory}), a
 * plain access takes a second comparison, and {@code GuestMemory} performs ordered accesses. With pages smaller than 4
 * KiB, it performs all accesses.
 *
 * <p>An embedder extends this class once, and creates one object for each CPU. A failed access calls {@link #fault},
 * the only method to override. Usually that method throws a preallocated exception to the loop of the interpreter,
 * which delivers a signal. If it returns, the access is retried, as an instruction is restarted after a page fault.
 * This class inherits the accesses from a class for each width: {@link FlatBytes}, {@link FlatShorts}, {@link FlatInts}
 * and {@link FlatLongs}.
 *
 * <p><b>Forms.</b> The names and the memory ordering are those of {@link java.lang.invoke.VarHandle}.
 *
 * <ul>
 *   <li>{@code loadInt}, {@code storeInt} and {@code fetchInt} are plain, and need not be aligned. Between two polls
 *       the compiler may repeat, merge or reorder the plain accesses of one thread as the Java memory model permits.
 *   <li>{@code loadFloat}, {@code storeFloat}, {@code loadDouble} and {@code storeDouble} are plain accesses of the
 *       same width to the bits of the number. For other forms, convert the integer with these bits, e.g. {@code
 *       Float.intBitsToFloat(loadIntAcquire(address))}.
 *   <li>{@code loadIntOpaque}, {@code loadIntAcquire} and {@code loadIntVolatile}, {@code storeIntOpaque}, {@code
 *       storeIntRelease} and {@code storeIntVolatile} are ordered.
 *   <li>{@code compareAndSetInt}, {@code compareAndExchangeInt}, {@code getAndAddInt}, {@code getAndSetInt}, {@code
 *       getAndBitwiseAndInt}, {@code getAndBitwiseOrInt} and {@code getAndBitwiseXorInt} are atomic updates, with the
 *       order of volatile accesses. They require the rights to read and to write, and fail as a write does. A handler
 *       that calls {@link dev.samara.core.AddressSpace#resolve} for one of them must pass both rights, because MIPS
 *       memory may be writable but not readable ({@link dev.samara.core.vma.ProtectionMap}).
 *   <li>{@code loadReservedIntOpaque}, {@code loadReservedIntVolatile} and {@code storeConditionalInt}, and the methods
 *       for eight bytes, are load-reserved and store-conditional, with the reservation that the CPU's {@link
 *       GuestMemory} keeps.
 *   <li>Fences are the static methods of VarHandle: {@code fullFence}, {@code acquireFence}, {@code releaseFence},
 *       {@code loadLoadFence} and {@code storeStoreFence}. They order the accesses of this class like all other
 *       accesses.
 * </ul>
 *
 * <p>The address of an ordered access or update must be a multiple of its size. Otherwise it fails with {@link
 * dev.samara.core.mman.Fault#ADRALN}, and nothing is accessed. An access that misses may be ordered more strongly than
 * its form requires. The {@linkplain dev.samara.core.guest package description} contains a table of the forms that the
 * accesses of guest architectures need.
 *
 * <p><b>Reservations and ABA.</b> A load-reserved records address, size and number, and a store-conditional is a
 * compare-and-set of that number. It writes only if address and size equal those of the last load-reserved, no other
 * store-conditional has been executed since, and memory contains the number that was read. So it fails after another
 * CPU has stored a different number, but not after a store of the same number, nor after the number was changed and
 * restored (ABA). Hardware also fails there: "The SC must fail if a store to the reservation set from another hart can
 * be observed to occur between the LR and SC" (RISC-V, Zalrsc). QEMU compares numbers in the same way ({@code gen_sc}
 * in {@code target/riscv/insn_trans/trans_rva.c.inc}). Code that is correct with a compare-and-set is correct here:
 * locks, counters, the atomic operations of C and C++. Code that relies on the stricter rule is not correct here, e.g.
 * a lock-free stack that reuses its nodes and whose head contains no version number.
 *
 * <p>A store-conditional and {@link GuestMemory#clearReservation} end the reservation, and so does the CPU's change to
 * another space. The embedder must clear the reservation wherever the guest's processor or kernel does: at exceptions
 * and signals, at the return from them, and before another thread of the guest continues on the CPU.
 *
 * <p><b>Tearing.</b> An aligned access of any form does not tear, provided that the store of the machine's frames
 * supports accesses of its width; on a 32-bit JVM, a plain access of eight bytes may be split in two. A plain access
 * that is not aligned may be performed byte by byte, in any order, so another CPU may see only some of its bytes
 * changed. Accesses of different widths to the same bytes are coherent. An ordered access or update of one or two bytes
 * may read the aligned four bytes that contain them, and write the four bytes if they have not changed.
 *
 * <p>Only the owner of the CPU may call these methods. For speed, an access that hits does not check its thread. On a
 * {@linkplain dev.samara.core.MachineBuilder#checked checked} machine no access hits, and each one is checked.
 */
public abstract non-sealed class FlatMemory extends FlatLongs {
    /**
     * Creates the object for a CPU.
     *
     * @param memory the memory of the CPU, which the thread owns; its byte order becomes {@code order}
     * @param order the byte order of numbers
     * @throws IllegalStateException if the CPU already has an object of this class, or is not owned by the caller
     */
    protected FlatMemory(GuestMemory memory, ByteOrder order) {
        super(memory, order);
        memory.flat = this;
    }

    /**
     * Reads four bytes in opaque mode, and reserves their address for {@link #storeConditionalInt}.
     *
     * @param address a multiple of 4
     * @return the number
     */
    public final int loadReservedIntOpaque(long address) {
        int number = loadIntOpaque(address);
        memory().reserve(address, Integer.BYTES, number);
        return number;
    }

    /**
     * Reads four bytes in volatile mode, and reserves their address for {@link #storeConditionalInt}.
     *
     * @param address a multiple of 4
     * @return the number
     */
    public final int loadReservedIntVolatile(long address) {
        int number = loadIntVolatile(address);
        memory().reserve(address, Integer.BYTES, number);
        return number;
    }

    /**
     * Writes four bytes, atomically, in volatile mode, if the CPU has a reservation of four bytes at this address, and
     * the bytes still contain the number that was read. Ends the reservation in any case. Accesses no memory if the CPU
     * has no reservation of these bytes.
     *
     * @param address of the lowest byte
     * @param value the number
     * @return whether the number was written
     */
    public final boolean storeConditionalInt(long address, int value) {
        GuestMemory memory = memory();
        return memory.takeReservation(address, Integer.BYTES)
                && compareAndSetInt(address, (int) memory.reservedNumber(), value);
    }

    /**
     * Reads eight bytes in opaque mode, and reserves their address for {@link #storeConditionalLong}.
     *
     * @param address a multiple of 8
     * @return the number
     */
    public final long loadReservedLongOpaque(long address) {
        long number = loadLongOpaque(address);
        memory().reserve(address, Long.BYTES, number);
        return number;
    }

    /**
     * Reads eight bytes in volatile mode, and reserves their address for {@link #storeConditionalLong}.
     *
     * @param address a multiple of 8
     * @return the number
     */
    public final long loadReservedLongVolatile(long address) {
        long number = loadLongVolatile(address);
        memory().reserve(address, Long.BYTES, number);
        return number;
    }

    /**
     * Writes eight bytes, atomically, in volatile mode, if the CPU has a reservation of eight bytes at this address,
     * and the bytes still contain the number that was read. Ends the reservation in any case. Accesses no memory if the
     * CPU has no reservation of these bytes.
     *
     * @param address of the lowest byte
     * @param value the number
     * @return whether the number was written
     */
    public final boolean storeConditionalLong(long address, long value) {
        GuestMemory memory = memory();
        return memory.takeReservation(address, Long.BYTES)
                && compareAndSetLong(address, memory.reservedNumber(), value);
    }
}
