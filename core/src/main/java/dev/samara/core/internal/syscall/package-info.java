// SPDX-License-Identifier: Apache-2.0
/**
 * The calls of an address space: their arguments, the precedence of their errors, and the edit that each performs.
 *
 * <p>The arguments of a call that changes the layout form a record, an {@code Operation.Call}, which {@link
 * dev.samara.core.internal.syscall.Syscall} runs. A call that also acts before or after that, or changes no
 * layout, starts in a static method of its class, which takes the layout and usually bears the call's name.
 *
 * <p>The classes are grouped as in the kernel's {@code mm/} folder: {@link dev.samara.core.internal.syscall.Mmap}
 * ({@code mmap.c}), {@link dev.samara.core.internal.syscall.Mprotect} ({@code mprotect.c}), {@link
 * dev.samara.core.internal.syscall.Mremap} ({@code mremap.c}), {@link dev.samara.core.internal.syscall.Madvise}
 * ({@code madvise.c}), {@link dev.samara.core.internal.syscall.Mlock} ({@code mlock.c}), and so on. {@link
 * dev.samara.core.AddressSpace} documents the calls.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>Which errors does {@code mmap} return, such as EEXIST for {@code MAP_FIXED_NOREPLACE}?</td>
 *       <td>{@link dev.samara.core.internal.syscall.Mmap}</td></tr>
 *   <tr><td>Where does a mapping without {@code MAP_FIXED} go?</td>
 *       <td>{@code Placement} in {@link dev.samara.core.internal.op}</td></tr>
 *   <tr><td>What refuses a change of a sealed range, and what seals it?</td>
 *       <td>{@link dev.samara.core.internal.op.VmaMerge#cutAndGather} for calls that unmap or replace the range; {@link
 *       dev.samara.core.internal.syscall.Mprotect}, {@link dev.samara.core.internal.syscall.Madvise}, {@link
 *       dev.samara.core.internal.syscall.Mremap}, {@link dev.samara.core.internal.syscall.Shm}. {@link
 *       dev.samara.core.internal.syscall.Mseal} only sets the flag</td></tr>
 *   <tr><td>Which {@code mprotect} needs a flush?</td>
 *       <td>An {@code mprotect} that removes a right: {@link dev.samara.core.internal.syscall.Mprotect} determines
 *       that, and {@code LeafWalks.narrow} narrows the entries</td></tr>
 *   <tr><td>Where does the future of an asynchronous call complete?</td>
 *       <td>{@code Syscall.AsyncCompletion}</td></tr>
 *   <tr><td>Which errors does {@code mremap} return for its arguments?</td>
 *       <td>{@link dev.samara.core.internal.syscall.Mremap}</td></tr>
 *   <tr><td>Which errors does {@code mremap} return for one VMA?</td>
 *       <td>{@code Mremap.MremapVma}</td></tr>
 *   <tr><td>What does a child of {@code fork} not get?</td>
 *       <td>No VMA with {@code DONTFORK}: {@link dev.samara.core.internal.syscall.Fork}. No pages of a VMA with {@code
 *       WIPEONFORK}: {@link dev.samara.core.internal.op.CopyPageTables}, in {@code hasPagesToCopy}</td></tr>
 *   <tr><td>What do {@code MADV_FREE} and {@code MADV_COLD} do?</td>
 *       <td>{@link dev.samara.core.internal.syscall.Madvise} checks the arguments; pages keep their contents ({@code
 *       actOnPages})</td></tr>
 * </table>
 */
package dev.samara.core.internal.syscall;
