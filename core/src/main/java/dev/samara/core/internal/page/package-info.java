// SPDX-License-Identifier: Apache-2.0
/**
 * Page tables and frames: the places of pages, in numbers and arrays of numbers.
 *
 * <p>A {@link dev.samara.core.internal.page.PageTable} is a radix tree of {@linkplain dev.samara.core.internal.page.Pte
 * entries}, which are in its {@linkplain dev.samara.core.internal.page.Leaf leaves}. A walk takes no lock. {@link
 * dev.samara.core.internal.page.Frames} counts the users of each frame. A {@link
 * dev.samara.core.internal.page.FramePool} has the free frames; they are handed out from a {@link
 * dev.samara.core.internal.page.Magazine} first. The bytes are in a {@link dev.samara.core.vma.FrameStore}, by default
 * {@link dev.samara.core.internal.page.DirectFrames}.
 *
 * <p>A busy entry, which an operation has claimed, has the number of its owner. {@link
 * dev.samara.core.internal.page.PteOwners} turns that number into a gate to wait at. A thread changes page tables with
 * a {@link dev.samara.core.internal.page.PageTableContext}, which has a reader word, a magazine and an owner number.
 * {@link dev.samara.core.internal.page.PageTableContexts} lends the contexts of a machine.
 * {@link dev.samara.core.internal.page.Watches} has the ranges that are watched for writes.
 *
 * <p>Nothing here depends on VMAs. The packages below decide the content of an entry.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>Which bits has an entry?</td>
 *       <td>{@link dev.samara.core.internal.page.Pte}</td></tr>
 *   <tr><td>What locks entries, and has their cpumasks?</td>
 *       <td>{@link dev.samara.core.internal.page.Leaf}</td></tr>
 *   <tr><td>What counts the users and the pins of a frame?</td>
 *       <td>{@link dev.samara.core.internal.page.Frames}, {@code FrameRecordWords}</td></tr>
 *   <tr><td>Where does a free frame come from?</td>
 *       <td>{@link dev.samara.core.internal.page.Magazine}, {@code FramePool}</td></tr>
 *   <tr><td>Where are the bytes of frames?</td>
 *       <td>{@link dev.samara.core.internal.page.DirectFrames}, {@code FrameRegions}</td></tr>
 *   <tr><td>What frees empty page tables?</td>
 *       <td>{@link dev.samara.core.internal.page.UnhookTables}</td></tr>
 *   <tr><td>What does a fault wait for at a busy entry?</td>
 *       <td>{@link dev.samara.core.internal.page.PteOwners}</td></tr>
 *   <tr><td>What lends a thread its means to change page tables?</td>
 *       <td>{@link dev.samara.core.internal.page.PageTableContexts}</td></tr>
 *   <tr><td>What chooses the file of which pages are reclaimed?</td>
 *       <td>{@link dev.samara.core.internal.page.PageCaches}</td></tr>
 *   <tr><td>Which ranges are watched for writes?</td>
 *       <td>{@link dev.samara.core.internal.page.Watches}, {@code WatchTree}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.core.internal.page;

import org.jspecify.annotations.NullMarked;
