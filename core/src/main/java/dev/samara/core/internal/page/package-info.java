// SPDX-License-Identifier: Apache-2.0
/**
 * Page tables and frames: which page is where, in numbers and arrays of numbers.
 *
 * <p>A {@link dev.samara.core.internal.page.PageTable} is a radix tree of {@linkplain dev.samara.core.internal.page.Pte
 * entries}, which are in its {@linkplain dev.samara.core.internal.page.Leaf leaves}. A walk takes no lock. {@link
 * dev.samara.core.internal.page.Frames} counts the users of each frame and hands out free frames, from a {@link
 * dev.samara.core.internal.page.Magazine} first. The bytes are in a {@link dev.samara.core.vma.FrameStore}, by default
 * {@link dev.samara.core.internal.page.DirectFrames}.
 *
 * <p>An entry that an operation has claimed carries that operation's number, which {@link
 * dev.samara.core.internal.page.PteOwners} turns into a gate to wait at. A {@link
 * dev.samara.core.internal.page.PageTableContext} is what a thread needs to change page tables: a reader word, a
 * magazine and such a number. {@link dev.samara.core.internal.page.Watches} has the ranges that are watched for writes.
 *
 * <p>Nothing here depends on VMAs. The packages below decide what is put into an entry.
 */
@NullMarked
package dev.samara.core.internal.page;

import org.jspecify.annotations.NullMarked;
