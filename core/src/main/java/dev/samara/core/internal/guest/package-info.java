// SPDX-License-Identifier: Apache-2.0
/**
 * The implementation of the memory of CPUs.
 *
 * <p>{@link dev.samara.core.internal.guest.CpuMemory} makes the accesses of {@link dev.samara.core.guest.GuestMemory}.
 * It passes them to a {@link dev.samara.core.internal.guest.TranslatedMemory}. That asks the TLB of a {@link
 * dev.samara.core.internal.tlb.CpuTlb}, has it walk the page table on a miss, and has a {@link
 * dev.samara.core.internal.fault.Faulter} find the page if there is none. Then it accesses the bytes of the frame.
 * Accesses are made in GUEST, and faults are handled outside of it. {@link
 * dev.samara.core.internal.guest.CheckedMemory} is the subclass for a checked machine. There each access is checked
 * after it was made.
 *
 * <p>{@link dev.samara.core.internal.guest.FutexBuckets} is a machine's table of futexes: the waits and wakes at words
 * of this memory.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>What makes an access of a CPU?</td>
 *       <td>{@link dev.samara.core.internal.guest.CpuMemory}</td></tr>
 *   <tr><td>What translates an address, by the TLB, the page table or a fault?</td>
 *       <td>{@link dev.samara.core.internal.guest.TranslatedMemory}</td></tr>
 *   <tr><td>What makes an access across two pages, or to a watched page?</td>
 *       <td>{@code SlowAccess}</td></tr>
 *   <tr><td>What copies bytes within guest memory, or between it and a buffer?</td>
 *       <td>{@code GuestBytes}</td></tr>
 *   <tr><td>What pins a frame, and what releases the pin?</td>
 *       <td>{@code GuestPins}, {@link dev.samara.core.internal.guest.FramePin}</td></tr>
 *   <tr><td>What checks an access on a checked machine?</td>
 *       <td>{@link dev.samara.core.internal.guest.CheckedMemory}</td></tr>
 *   <tr><td>Why does a futex wait miss no wake?</td>
 *       <td>{@link dev.samara.core.internal.guest.FutexBuckets}, in {@code queueIf}: the word is read and compared
 *       under the lock of its {@code FutexBucket}</td></tr>
 *   <tr><td>Which words are one futex, private or shared?</td>
 *       <td>{@code FutexKeys}</td></tr>
 *   <tr><td>What reads and changes the word of a futex?</td>
 *       <td>{@code FutexWords}</td></tr>
 *   <tr><td>What decodes the operation of {@code FUTEX_WAKE_OP}?</td>
 *       <td>{@code WakeOp}</td></tr>
 *   <tr><td>Who waits at a futex, and who is resumed after the lock is released?</td>
 *       <td>{@code FutexBucket}, {@code FutexEntry}, {@link dev.samara.core.internal.guest.QueuedWaiter}; {@code
 *       WokenWaiters}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.core.internal.guest;

import org.jspecify.annotations.NullMarked;
