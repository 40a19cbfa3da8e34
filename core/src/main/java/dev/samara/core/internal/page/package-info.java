// SPDX-License-Identifier: Apache-2.0
/**
 * Page tables and frames, which are represented by numbers and arrays of numbers.
 *
 * <p>A {@link dev.samara.core.internal.page.PageTable} is a radix tree whose {@linkplain
 * dev.samara.core.internal.page.PageTable.Leaf leaves} contain the {@linkplain dev.samara.core.internal.page.Pte
 * entries}. Walks are lock-free. {@link dev.samara.core.internal.page.Frames} counts the users of each frame, and holds
 * the free frames; threads allocate from a magazine first. The bytes are in a {@link dev.samara.core.vma.FrameStore},
 * by default {@link dev.samara.core.internal.page.DirectFrames}.
 *
 * <p>A thread that changes page tables needs a context: a reader word, a magazine and an owner number. {@link
 * dev.samara.core.internal.page.PageTableContexts} lends a machine's contexts to threads. An operation that claims an
 * entry makes it busy and stores its own owner number there, which leads other threads to the gate at which they wait.
 * {@link dev.samara.core.internal.page.Watches} lists the ranges that are watched for writes.
 *
 * <p>This package does not depend on VMAs. The packages that use it decide what an entry contains.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>Which bits does an entry consist of?</td>
 *       <td>{@link dev.samara.core.internal.page.Pte}</td></tr>
 *   <tr><td>What locks entries, and where are their cpumasks?</td>
 *       <td>{@link dev.samara.core.internal.page.PageTable.Leaf}</td></tr>
 *   <tr><td>What links and frees page tables, and what limits them?</td>
 *       <td>{@link dev.samara.core.internal.page.PageTable}, {@link
 *       dev.samara.core.internal.page.PageTable.TableReserve}</td></tr>
 *   <tr><td>What counts a frame's users and pins, and where does a free frame come from?</td>
 *       <td>{@link dev.samara.core.internal.page.Frames}</td></tr>
 *   <tr><td>Where are the bytes of frames?</td>
 *       <td>{@link dev.samara.core.internal.page.DirectFrames}</td></tr>
 *   <tr><td>What does a fault wait for at a busy entry? What lends a thread the context with which it changes page
 *       tables?</td>
 *       <td>{@link dev.samara.core.internal.page.PageTableContexts}</td></tr>
 *   <tr><td>What chooses the file whose pages are reclaimed?</td>
 *       <td>{@link dev.samara.core.internal.page.PageCaches}</td></tr>
 *   <tr><td>Which ranges are watched for writes?</td>
 *       <td>{@link dev.samara.core.internal.page.Watches}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.core.internal.page;

import org.jspecify.annotations.NullMarked;
