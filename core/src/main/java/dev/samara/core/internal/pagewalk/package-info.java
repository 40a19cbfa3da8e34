// SPDX-License-Identifier: Apache-2.0
/**
 * Page walks: operations on all entries in a range of a page table. They depend only on entries, not on files or
 * layouts.
 *
 * <p>{@link dev.samara.core.internal.pagewalk.PageWalk} is the only loop over the leaves of a range. {@link
 * dev.samara.core.internal.pagewalk.UnmapPages} empties a range that is no longer mapped. {@link
 * dev.samara.core.internal.pagewalk.DiscardPages} removes pages from a mapping that stays. It keeps each entry busy
 * until the old page is unreachable, because otherwise a fault could map a second page while another CPU still uses the
 * first. {@link dev.samara.core.internal.pagewalk.GuardPages} removes guard markers, which DiscardPages optionally
 * preserves. {@link dev.samara.core.internal.pagewalk.ProtectPages} removes rights from entries. {@link
 * dev.samara.core.internal.pagewalk.WatchPages} removes the write permission from TLB entries only. {@link
 * dev.samara.core.internal.pagewalk.DirtyScan} finds the pages that were written or accessed.
 *
 * <p>Each walk gathers frames and pending flushes in a {@link dev.samara.core.internal.tlb.TlbGather}. A walk that
 * needs the space's VMAs finds them through {@link dev.samara.core.internal.pagewalk.VmaLookup}.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>What loops over the leaves of a range?</td>
 *       <td>{@link dev.samara.core.internal.pagewalk.PageWalk}</td></tr>
 *   <tr><td>What removes the pages of a mapping that is removed?</td>
 *       <td>{@link dev.samara.core.internal.pagewalk.UnmapPages}</td></tr>
 *   <tr><td>What removes the pages of a mapping that stays?</td>
 *       <td>{@link dev.samara.core.internal.pagewalk.DiscardPages}, {@code BusyEntries}</td></tr>
 *   <tr><td>What removes the pages of a space being reaped?</td>
 *       <td>{@link dev.samara.core.internal.pagewalk.ReapPages}</td></tr>
 *   <tr><td>What removes rights from entries?</td>
 *       <td>{@link dev.samara.core.internal.pagewalk.ProtectPages}</td></tr>
 *   <tr><td>What makes an entry writable, including after {@code mprotect}?</td>
 *       <td>a fault: {@code Faulter.present}</td></tr>
 *   <tr><td>Which rights does a VMA grant its entries?</td>
 *       <td>{@link dev.samara.core.internal.pagewalk.VmaRights}</td></tr>
 *   <tr><td>What finds written pages?</td>
 *       <td>{@link dev.samara.core.internal.pagewalk.DirtyScan}</td></tr>
 *   <tr><td>What passes the dirty bit of a removed entry on to the frame?</td>
 *       <td>{@link dev.samara.core.internal.tlb.TlbGather#take}; where the mapping stays, {@link
 *       dev.samara.core.internal.pagewalk.DiscardPages}; where the entry stays, {@link
 *       dev.samara.core.internal.pagewalk.DirtyScan}; for moved entries, {@code MovePages.takeWritten}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.core.internal.pagewalk;

import org.jspecify.annotations.NullMarked;
