// SPDX-License-Identifier: Apache-2.0
/**
 * The calls of an address space: their arguments, the order of their errors, and the edit that each makes.
 *
 * <p>A call begins in a static method of its class, which takes the layout and mostly has the name of the call. The
 * arguments of a call that changes the layout are a record, a {@link dev.samara.core.internal.op.Call}. {@link
 * dev.samara.core.internal.syscall.Syscall} runs it.
 *
 * <p>The classes are grouped as in the kernel's {@code mm/} folder: {@link dev.samara.core.internal.syscall.Mmap}
 * ({@code mmap.c}), {@link dev.samara.core.internal.syscall.Mprotect} ({@code mprotect.c}), {@link
 * dev.samara.core.internal.syscall.Mremap} ({@code mremap.c}), {@link dev.samara.core.internal.syscall.Madvise}
 * ({@code madvise.c}), {@link dev.samara.core.internal.syscall.Mlock} ({@code mlock.c}), and so on. {@link
 * dev.samara.core.AddressSpace} documents the calls.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>Which errors has {@code mmap}, such as EEXIST of {@code MAP_FIXED_NOREPLACE}?</td>
 *       <td>{@link dev.samara.core.internal.syscall.Mmap}</td></tr>
 *   <tr><td>Where does a mapping without {@code MAP_FIXED} go?</td>
 *       <td>{@code Placement} in {@link dev.samara.core.internal.op}</td></tr>
 *   <tr><td>What refuses a change of a sealed range, and what seals it?</td>
 *       <td>{@link dev.samara.core.internal.op.GatheredVmas#cutAndGather} for calls that unmap or replace it; {@link
 *       dev.samara.core.internal.syscall.Mprotect}, {@link dev.samara.core.internal.syscall.Madvise}, {@code
 *       MremapVma}, {@link dev.samara.core.internal.syscall.Shm}. {@link dev.samara.core.internal.syscall.Mseal} only
 *       sets the flag</td></tr>
 *   <tr><td>Where does the future of an asynchronous call complete?</td>
 *       <td>{@code AsyncCompletion}</td></tr>
 *   <tr><td>Which errors has {@code mremap}, for its arguments?</td>
 *       <td>{@link dev.samara.core.internal.syscall.Mremap}</td></tr>
 *   <tr><td>Which errors has {@code mremap}, for one VMA?</td>
 *       <td>{@code MremapVma}</td></tr>
 * </table>
 */
package dev.samara.core.internal.syscall;
