// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import java.nio.ByteOrder;

/**
 * The memory of a CPU for an interpreter or for generated code: an access is one call, which takes an address and
 * returns the number. If the TLB has the translation, the access is one comparison of a tag, one addition and one
 * access to a buffer, besides the JVM's checks of bounds, and the compiler of the JVM places it in the caller. Other
 * accesses are made by the {@link GuestMemory} of the CPU, and follow the rules of that class. Outside GUEST, each
 * access enters GUEST for its duration. There are hits only in the first region of a machine ({@link
 * dev.samara.core.MachineBuilder#memory}), and not with pages of less than 4 KiB.
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
 *       order of volatile accesses. They need the right to write only.
 *   <li>Fences are the static methods of VarHandle: {@code fullFence}, {@code acquireFence}, {@code releaseFence},
 *       {@code loadLoadFence} and {@code storeStoreFence}. They order the accesses of this class as all others.
 * </ul>
 *
 * <p>The address of an ordered access or update must be a multiple of its size. Otherwise it fails with {@link
 * dev.samara.core.mman.Fault#ADRALN}, and nothing is accessed. An access that misses may be stronger than its form. The
 * {@linkplain dev.samara.core.guest package} has a table of the forms that the accesses of guest architectures need.
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
}
