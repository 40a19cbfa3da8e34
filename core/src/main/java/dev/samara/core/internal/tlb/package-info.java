// SPDX-License-Identifier: Apache-2.0
/**
 * The CPU's own part in translation, and the removal of translations: unhook, then invalidate, then free, always in
 * this order.
 *
 * <p>A {@link dev.samara.core.internal.tlb.CpuTlb} contains a {@link dev.samara.core.internal.tlb.SoftTlb}, which it
 * uses only in GUEST. Before it uses the TLB, it catches up with the changes of other threads. After a miss, it walks
 * the page table.
 *
 * <p>A {@link dev.samara.core.internal.tlb.TlbGather} collects the frames of entries that were unhooked, with the
 * leaves that must be flushed first, and frees the frames only when no CPU can translate to them any more. {@link
 * dev.samara.core.internal.cpu.Shootdowns} waits for the CPUs.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>Where does a CPU compare generations, and flush?</td>
 *       <td>{@link dev.samara.core.internal.tlb.CpuTlb#enterGuest}, {@link
 *       dev.samara.core.internal.tlb.CpuTlb#poll}</td></tr>
 *   <tr><td>Which spaces' translations does a CPU keep over a switch ({@code choose_new_asid}), and to which
 *       generation has it flushed them?</td>
 *       <td>{@code CpuTlb.slotOf}</td></tr>
 *   <tr><td>Where does a CPU decide whether it drops ranges, or everything ({@code flush_tlb_func})?</td>
 *       <td>{@code CpuTlb.flushMissed}, by the generations that the CPU is behind; {@link
 *       dev.samara.core.internal.tlb.SoftTlb#tryFlush}, by the length of a range</td></tr>
 *   <tr><td>What walks the page table after a miss, and fills the TLB?</td>
 *       <td>{@link dev.samara.core.internal.tlb.CpuTlb#walk}</td></tr>
 *   <tr><td>What has translations that the arrays of the TLB had to replace?</td>
 *       <td>The second level of {@link dev.samara.core.internal.tlb.SoftTlb}; each fill, flush and new number of a
 *       space also concerns it</td></tr>
 *   <tr><td>When may a CPU enter GUEST, or move to another space?</td>
 *       <td>{@link dev.samara.core.internal.tlb.CpuTlb#activities}</td></tr>
 *   <tr><td>What flushes one page that stays mapped?</td>
 *       <td>{@link dev.samara.core.internal.tlb.TlbGather#flushPage}</td></tr>
 *   <tr><td>Which leaves must be flushed before frames are freed?</td>
 *       <td>{@link dev.samara.core.internal.tlb.TlbGather#deferFlush}</td></tr>
 *   <tr><td>What frees the frames after the flush?</td>
 *       <td>{@link dev.samara.core.internal.tlb.TlbGather#free}</td></tr>
 *   <tr><td>What frees the frames after a failure?</td>
 *       <td>{@code RetriedTask}</td></tr>
 *   <tr><td>What passes the dirty bit of a removed entry on to the frame?</td>
 *       <td>{@link dev.samara.core.internal.tlb.TlbGather#take}; where the mapping stays, {@code DiscardPages}; where
 *       the entry stays, {@code DirtyScan}; for moved entries, {@code PageRetirement.takeWritten}</td></tr>
 *   <tr><td>Where does a shootdown start (generation, cpumask, log, request, in this order)?</td>
 *       <td>{@code TlbGather.flush}; for one page {@link
 *       dev.samara.core.internal.tlb.TlbGather#flushPage}</td></tr>
 *   <tr><td>What keeps the page tables that an operation walks, if it is not a user of their spaces?</td>
 *       <td>{@link dev.samara.core.internal.tlb.TlbGather.HeldTables}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.core.internal.tlb;

import org.jspecify.annotations.NullMarked;
