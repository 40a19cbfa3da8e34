// SPDX-License-Identifier: Apache-2.0
/**
 * Memory as guest code sees it: numbers, bytes and strings at the addresses of a CPU's space.
 *
 * <p>A {@link dev.samara.core.guest.GuestMemory} belongs to one {@link dev.samara.core.Cpu}, and only the thread that
 * owns the CPU may use it. An interpreter extends {@link dev.samara.core.guest.FlatMemory} instead, whose accesses
 * return numbers and report failures to one method.
 *
 * <p>Threads of a guest wait on words of memory in the {@link dev.samara.core.guest.FutexTable} of their machine.
 *
 * <p>{@link dev.samara.core.guest.AccessRules} describes an architecture's rules for addresses and alignment, and
 * {@link dev.samara.core.vma.ProtectionMap} its rules for rights. An embedder that walks the page tables of its guest
 * itself can cache results of {@link dev.samara.core.guest.FlatMemory#translate}.
 *
 * <p><b>Forms for the memory models of guests.</b> This table lists the accesses and fences that provide the order
 * which a guest architecture promises, with the names of {@link dev.samara.core.guest.FlatMemory} and {@link
 * java.lang.invoke.VarHandle}:
 *
 * <table border="1">
 * <caption>The instructions of four architectures and their forms</caption>
 * <thead>
 * <tr><th scope="col"></th><th scope="col">x86</th><th scope="col">arm64</th><th scope="col">RISC-V</th>
 *     <th scope="col">MIPS</th></tr>
 * </thead>
 * <tbody>
 * <tr><th scope="row">Plain load, plain store</th>
 *     <td>{@code Acquire}, {@code Release}</td>
 *     <td>{@code Opaque}</td>
 *     <td>{@code Opaque}</td>
 *     <td>{@code Opaque}</td></tr>
 * <tr><th scope="row">Acquire</th>
 *     <td>as plain</td>
 *     <td>LDAPR: {@code Acquire}; LDAR: {@code Volatile}</td>
 *     <td>FENCE r,rw: {@code acquireFence}</td>
 *     <td>SYNC_ACQUIRE: {@code acquireFence}; SYNC_RMB: {@code loadLoadFence}</td></tr>
 * <tr><th scope="row">Release</th>
 *     <td>as plain</td>
 *     <td>STLR: {@code Volatile}</td>
 *     <td>FENCE rw,w: {@code releaseFence}; FENCE w,w: {@code storeStoreFence}</td>
 *     <td>SYNC_RELEASE: {@code releaseFence}; SYNC_WMB: {@code storeStoreFence}</td></tr>
 * <tr><th scope="row">Full fence</th>
 *     <td>MFENCE: {@code fullFence}</td>
 *     <td>DMB ISH: {@code fullFence}; DMB ISHLD: {@code acquireFence}; DMB ISHST: {@code storeStoreFence}</td>
 *     <td>FENCE rw,rw: {@code fullFence}; FENCE.TSO: {@code acquireFence}, {@code releaseFence}</td>
 *     <td>SYNC: {@code fullFence}</td></tr>
 * <tr><th scope="row">Atomic update</th>
 *     <td>LOCK XADD: {@code getAndAdd}; XCHG: {@code getAndSet}; LOCK CMPXCHG: {@code compareAndExchange}</td>
 *     <td>LDADD: {@code getAndAdd}; SWP: {@code getAndSet}; CAS: {@code compareAndExchange}</td>
 *     <td>AMOADD: {@code getAndAdd}; AMOSWAP: {@code getAndSet}</td>
 *     <td>LL and SC</td></tr>
 * <tr><th scope="row">Load-linked, store-conditional</th>
 *     <td>none</td>
 *     <td>LDXR: {@code loadReservedOpaque}; LDAXR: {@code loadReservedVolatile}; STXR, STLXR: {@code
 *         storeConditional}; CLREX: {@code clearReservation}</td>
 *     <td>LR: {@code loadReservedOpaque}; LR.aq: {@code loadReservedVolatile}; SC: {@code storeConditional}</td>
 *     <td>LL: {@code loadReservedOpaque}; SC: {@code storeConditional}; ERET: {@code clearReservation}</td></tr>
 * <tr><th scope="row">Compare and set 16 bytes</th>
 *     <td>LOCK CMPXCHG16B: none</td>
 *     <td>CASP; LDXP, STXP: none</td>
 *     <td>AMOCAS.Q: none</td>
 *     <td>none</td></tr>
 * <tr><th scope="row">16 bytes as two words</th>
 *     <td>MOVDQU: {@code loadLong} twice, {@code acquireFence}; {@code releaseFence}, {@code storeLongPair}</td>
 *     <td>LDP: {@code loadLongOpaque} twice; STP: {@code storeLongOpaque} twice</td>
 *     <td>none</td>
 *     <td>none</td></tr>
 * </tbody>
 * </table>
 *
 * <ul>
 *   <li>Plain forms suffice for bytes that only one thread of the guest uses. The JVM's compiler may merge and reorder
 *       plain accesses to shared bytes, even two loads from the same address.
 *   <li>The Java memory model does not order an opaque load before an access whose address depends on it. Processors
 *       such as x86 and arm64 preserve that order. On other hosts, use {@code Acquire}.
 *   <li>On multi-copy atomic hosts, where a store becomes visible to all other processors at the same time, such as
 *       x86, arm64 and RISC-V, {@code Acquire} and {@code Release} provide the order of x86. On other hosts two CPUs
 *       may see two stores in different orders, unless all loads and stores are {@code Volatile}.
 *   <li>Ordered forms need an aligned address. At other addresses, a plain load with an {@code acquireFence} after it,
 *       or a plain store with a {@code releaseFence} before it, provides the order, but may tear. For an update that is
 *       not aligned, or that has 16 bytes, the embedder must stop the other CPUs, because no JDK provides a
 *       compare-and-set of more than eight bytes.
 *   <li>A store-conditional compares memory with the number that the load-reserved returned. It also succeeds if the
 *       number was changed and restored in the meantime; {@link dev.samara.core.guest.FlatMemory} describes the
 *       consequences.
 *   <li>No word of a pair tears if the address is a multiple of 8, but the pair may: another CPU may see one new word
 *       and one old word. If one of the words cannot be written, neither is.
 *   <li>Minimum and maximum are loops of {@code compareAndExchange}.
 * </ul>
 *
 * <p><b>Stability.</b> This package is evolving: each minor version of 0.x may change it. From 1.0 on it is stable,
 * except for elements that are {@linkplain dev.samara.core.annotation.Experimental experimental}.
 */
@NullMarked
package dev.samara.core.guest;

import org.jspecify.annotations.NullMarked;
