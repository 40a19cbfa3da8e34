// SPDX-License-Identifier: Apache-2.0
/**
 * The implementation of the memory of CPUs.
 *
 * <p>{@link dev.samara.core.internal.guest.CpuMemory} implements the accesses of {@link
 * dev.samara.core.guest.GuestMemory}, and passes them to a {@link
 * dev.samara.core.internal.guest.CpuMemory.TranslatedMemory}. The translated memory looks the address up in the TLB of
 * a {@link dev.samara.core.internal.tlb.CpuTlb}, which walks the page table on a miss. If the walk finds no page, a
 * {@link dev.samara.core.internal.fault.Faulter} handles the fault. Then the access reads or writes the frame's bytes.
 * Accesses run in GUEST, and faults are handled outside GUEST. {@link dev.samara.core.internal.guest.CheckedMemory} is
 * the subclass for a checked machine, which checks each access after performing it.
 *
 * <p>{@link dev.samara.core.internal.guest.FutexBuckets} is a machine's futex table, which implements waits and wakes
 * on words of this memory.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>What performs a CPU's access?</td>
 *       <td>{@link dev.samara.core.internal.guest.CpuMemory}</td></tr>
 *   <tr><td>What translates an address, through the TLB, the page table or a fault?</td>
 *       <td>{@link dev.samara.core.internal.guest.CpuMemory.TranslatedMemory}</td></tr>
 *   <tr><td>What performs an access that crosses a page boundary or hits a watched page?</td>
 *       <td>{@link dev.samara.core.internal.guest.CpuMemory}, in {@code loadAcross}, {@code storeAcross} and the
 *       methods after them</td></tr>
 *   <tr><td>What notifies watchers of a store, and when?</td>
 *       <td>{@link dev.samara.core.internal.guest.CpuMemory} and {@link dev.samara.core.internal.guest.FutexBuckets},
 *       after the bytes; outside GUEST {@link dev.samara.core.internal.guest.CpuMemory.TranslatedMemory}; the listener
 *       is called by {@code page.Watches}</td></tr>
 *   <tr><td>What copies bytes within guest memory, or between it and a buffer?</td>
 *       <td>{@link dev.samara.core.internal.guest.CpuMemory}</td></tr>
 *   <tr><td>What provides the bytes of pages directly, and what revokes them on a checked machine?</td>
 *       <td>{@link dev.samara.core.internal.guest.GuestRun}, {@link
 *       dev.samara.core.internal.guest.CheckedMemory}</td></tr>
 *   <tr><td>What pins a frame, and what releases the pin?</td>
 *       <td>{@link dev.samara.core.internal.guest.CpuMemory#pin}, {@link
 *       dev.samara.core.internal.guest.FramePin}</td></tr>
 *   <tr><td>What checks an access on a checked machine?</td>
 *       <td>{@link dev.samara.core.internal.guest.CheckedMemory}</td></tr>
 *   <tr><td>Why can a futex wait not miss a wake? Which words are the same futex? Which threads wait on a futex, and
 *       which are resumed after the lock is released?</td>
 *       <td>{@link dev.samara.core.internal.guest.FutexBuckets}, {@link
 *       dev.samara.core.internal.guest.FutexBuckets.QueuedWaiter}</td></tr>
 *   <tr><td>Where is the reservation of a load-reserved, and what ends it?</td>
 *       <td>{@link dev.samara.core.guest.GuestMemory}; at a change of space or owner {@code
 *       CpuMemory.forgetLastAccess}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.core.internal.guest;

import org.jspecify.annotations.NullMarked;
