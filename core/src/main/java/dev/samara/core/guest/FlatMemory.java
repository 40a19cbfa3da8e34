// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import java.nio.ByteOrder;

/**
 * The memory of a CPU for an interpreter or for generated code: an access is one call, which takes an address and
 * returns the number. If the TLB has the translation, the access is one comparison of a tag, one addition and one
 * access to a buffer, besides the JVM's checks of bounds, and the compiler of the JVM places it in the caller. Other
 * accesses are made by the {@link GuestMemory} of the CPU, and follow the rules of that class. Outside GUEST, each
 * access enters GUEST for its duration. In the other regions of a machine than the first one ({@link
 * dev.samara.core.MachineBuilder#memory}) a plain access is a second comparison, and an ordered one is made by {@code
 * GuestMemory}. With pages of less than 4 KiB all are.
 *
 * <p>An embedder extends this class once, and makes one object for each CPU. A failed access calls {@link #fault}, the
 * only method to be overridden. Usually it throws a preallocated exception to the loop of the interpreter, which
 * delivers a signal. If it returns, the access is made again, as an instruction is restarted after a page fault. The
 * accesses are inherited from a class for each width: {@link FlatBytes}, {@link FlatShorts}, {@link FlatInts} and
 * {@link FlatLongs}.
 *
 * <p><b>Forms.</b> The names are those of {@link java.lang.invoke.VarHandle}, and so is the order in memory.
 *
 * <ul>
 *   <li>{@code loadInt}, {@code storeInt} and {@code fetchInt} are plain, and may have any address. Between two polls
 *       the compiler may repeat, merge or reorder the plain accesses of one thread as the Java memory model permits.
 *   <li>{@code loadFloat}, {@code storeFloat}, {@code loadDouble} and {@code storeDouble} are the plain accesses of the
 *       same width, with the bits of the number. Other forms are those of the integer with these bits, such as {@code
 *       Float.intBitsToFloat(loadIntAcquire(address))}.
 *   <li>{@code loadIntOpaque}, {@code loadIntAcquire} and {@code loadIntVolatile}, {@code storeIntOpaque}, {@code
 *       storeIntRelease} and {@code storeIntVolatile} are ordered.
 *   <li>{@code compareAndSetInt}, {@code compareAndExchangeInt}, {@code getAndAddInt}, {@code getAndSetInt}, {@code
 *       getAndBitwiseAndInt}, {@code getAndBitwiseOrInt} and {@code getAndBitwiseXorInt} are atomic updates, with the
 *       order of volatile accesses. They need the rights to read and to write, and fail as an access to write. A
 *       handler that asks {@link dev.samara.core.AddressSpace#resolve} about one of them asks for both rights: memory
 *       of MIPS may be written and not read ({@link dev.samara.core.vma.ProtectionMap}).
 *   <li>{@code loadReservedIntOpaque}, {@code loadReservedIntVolatile} and {@code storeConditionalInt}, and those for
 *       eight bytes, are load-reserved and store-conditional, with the reservation that the CPU's {@link GuestMemory}
 *       keeps.
 *   <li>Fences are the static methods of VarHandle: {@code fullFence}, {@code acquireFence}, {@code releaseFence},
 *       {@code loadLoadFence} and {@code storeStoreFence}. They order the accesses of this class as all others.
 * </ul>
 *
 * <p>The address of an ordered access or update must be a multiple of its size. Otherwise it fails with {@link
 * dev.samara.core.mman.Fault#ADRALN}, and nothing is accessed. An access that misses may be stronger than its form. The
 * {@linkplain dev.samara.core.guest package} has a table of the forms that the accesses of guest architectures need.
 *
 * <p><b>Reservations and ABA.</b> A load-reserved records address, size and number, and a store-conditional is a
 * compare-and-set of that number. It writes only if address and size are those of the last load-reserved, no other
 * store-conditional was made since, and memory contains the number that was read. So it fails after another CPU has
 * stored a different number, but not after a store of the same number, nor after the number was changed and restored
 * (ABA). Hardware fails there, too: "The SC must fail if a store to the reservation set from another hart can be
 * observed to occur between the LR and SC" (RISC-V, Zalrsc). QEMU compares numbers in the same way ({@code gen_sc} in
 * {@code target/riscv/insn_trans/trans_rva.c.inc}). Code that is correct with a compare-and-set is correct here: locks,
 * counters, the atomic operations of C and C++. Code that relies on the stricter rule is not: for example, a lock-free
 * stack that reuses its nodes and has no version number in its head.
 *
 * <p>The reservation ends by a store-conditional, by {@link GuestMemory#clearReservation}, and when the CPU goes to
 * another space. The embedder clears it where the processor of the guest or its kernel does: at exceptions and signals,
 * at the return from them, and before another thread of the guest continues on the CPU.
 *
 * <p><b>Tearing.</b> An aligned access of any form is one access, as far as the store of the machine's frames has
 * accesses of its width; on a JVM of 32 bits, a plain one of eight bytes may be two. A plain access that is not aligned
 * may be an access for each byte, in any order. Another CPU may then find some of its bytes changed, and others not.
 * Accesses of several widths to the same bytes are coherent. An ordered access or update of one or two bytes may read
 * the aligned four bytes around it, and write them if they have not changed.
 *
 * <p>For speed the thread is not checked on a hit: only the owner of the CPU may call these methods. On a
 * {@linkplain dev.samara.core.MachineBuilder#checked checked} machine there are no hits, and each access is checked.
 */
public abstract non-sealed class FlatMemory extends FlatLongs {
    /**
     * Makes the accesses of a CPU.
     *
     * @param memory the memory of the CPU, which the thread owns; its byte order becomes {@code order}
     * @param order the byte order of numbers
     * @throws IllegalStateException if the CPU has an object of this class already, or is not owned by the caller
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
     * Writes four bytes, atomically, in volatile mode, if the CPU has a reservation of four bytes at this address,
     * and they have the number that was read then. Ends the reservation, whatever the result. Makes no access without
     * a reservation of these bytes.
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
     * and they have the number that was read then. Ends the reservation, whatever the result. Makes no access without
     * a reservation of these bytes.
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
