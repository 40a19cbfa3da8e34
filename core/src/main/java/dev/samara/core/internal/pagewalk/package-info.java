// SPDX-License-Identifier: Apache-2.0
/**
 * Page walks: operations on all entries in a range of a page table. They depend only on entries, not on files or
 * layouts.
 *
 * <ul>
 *   <li>{@link dev.samara.core.internal.pagewalk.PageWalk} is the only loop over the leaves of a range.
 *   <li>{@link dev.samara.core.internal.pagewalk.LeafWalks} are the walks that change each entry in one step: they
 *       empty a range that is no longer mapped, reap it, narrow its rights, clean it, watch it, or remove its guard
 *       markers.
 *   <li>{@link dev.samara.core.internal.pagewalk.DiscardPages} removes pages from a mapping that stays. It keeps each
 *       entry busy until the old page is unreachable, because otherwise a fault could map a second page while another
 *       CPU still uses the first.
 *   <li>{@link dev.samara.core.internal.pagewalk.DirtyScan} finds the pages that were written or accessed.
 * </ul>
 *
 * <p>Each walk gathers frames and pending flushes in a {@link dev.samara.core.internal.tlb.TlbGather}. A walk that
 * needs the space's VMAs finds them through {@link dev.samara.core.internal.pagewalk.PageWalk.VmaLookup}.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>What removes the pages of a mapping that is removed, or of a space being reaped?</td>
 *       <td>{@link dev.samara.core.internal.pagewalk.LeafWalks}</td></tr>
 *   <tr><td>What removes the pages of a mapping that stays?</td>
 *       <td>{@link dev.samara.core.internal.pagewalk.DiscardPages}</td></tr>
 *   <tr><td>What makes an entry writable, including after {@code mprotect}?</td>
 *       <td>a fault: {@code Faulter.present}</td></tr>
 *   <tr><td>Which rights does a VMA grant its entries?</td>
 *       <td>{@link dev.samara.core.internal.pagewalk.LeafWalks#rights}</td></tr>
 *   <tr><td>What passes the dirty bit of a removed entry on to the frame?</td>
 *       <td>{@link dev.samara.core.internal.tlb.TlbGather#take}; where the mapping stays, {@link
 *       dev.samara.core.internal.pagewalk.DiscardPages}; where the entry stays, {@link
 *       dev.samara.core.internal.pagewalk.DirtyScan}; for moved entries, {@code PageRetirement.takeWritten}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.core.internal.pagewalk;

import org.jspecify.annotations.NullMarked;
