// SPDX-License-Identifier: Apache-2.0
/**
 * Page tables and frames, which are represented by numbers and arrays of numbers.
 *
 * <p>A {@link dev.samara.core.internal.page.PageTable} is a radix tree whose {@linkplain
 * dev.samara.core.internal.page.Leaf leaves} contain the {@linkplain dev.samara.core.internal.page.Pte entries}. Walks
 * are lock-free. {@link dev.samara.core.internal.page.Frames} counts the users of each frame. A {@link
 * dev.samara.core.internal.page.FramePool} holds the free frames; threads allocate from a {@link
 * dev.samara.core.internal.page.Magazine} first. The bytes are in a {@link dev.samara.core.vma.FrameStore}, by default
 * {@link dev.samara.core.internal.page.DirectFrames}.
 *
 * <p>An operation that claims an entry makes it busy and stores its own owner number there. {@link
 * dev.samara.core.internal.page.PteOwners} maps that number to the gate at which other threads wait. A thread that
 * changes page tables needs a {@link dev.samara.core.internal.page.PageTableContext}: a reader word, a magazine and an
 * owner number. {@link dev.samara.core.internal.page.PageTableContexts} lends a machine's contexts to threads. {@link
 * dev.samara.core.internal.page.Watches} lists the ranges that are watched for writes.
 *
 * <p>This package does not depend on VMAs. The packages that use it decide what an entry contains.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>Which bits does an entry consist of?</td>
 *       <td>{@link dev.samara.core.internal.page.Pte}</td></tr>
 *   <tr><td>What locks entries, and where are their cpumasks?</td>
 *       <td>{@link dev.samara.core.internal.page.Leaf}</td></tr>
 *   <tr><td>What counts a frame's users and pins?</td>
 *       <td>{@link dev.samara.core.internal.page.Frames}, {@code FrameRecordWords}</td></tr>
 *   <tr><td>Where does a free frame come from?</td>
 *       <td>{@link dev.samara.core.internal.page.Magazine}, {@code FramePool}</td></tr>
 *   <tr><td>Where are the bytes of frames?</td>
 *       <td>{@link dev.samara.core.internal.page.DirectFrames}, {@code FrameRegions}</td></tr>
 *   <tr><td>What frees empty page tables?</td>
 *       <td>{@link dev.samara.core.internal.page.UnhookTables}</td></tr>
 *   <tr><td>What does a fault wait for at a busy entry?</td>
 *       <td>{@link dev.samara.core.internal.page.PteOwners}</td></tr>
 *   <tr><td>What lends a thread the context with which it changes page tables?</td>
 *       <td>{@link dev.samara.core.internal.page.PageTableContexts}</td></tr>
 *   <tr><td>What chooses the file whose pages are reclaimed?</td>
 *       <td>{@link dev.samara.core.internal.page.PageCaches}</td></tr>
 *   <tr><td>Which ranges are watched for writes?</td>
 *       <td>{@link dev.samara.core.internal.page.Watches}, {@code WatchTree}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.core.internal.page;

import org.jspecify.annotations.NullMarked;
