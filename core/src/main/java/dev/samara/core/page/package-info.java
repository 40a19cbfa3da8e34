// SPDX-License-Identifier: Apache-2.0
/**
 * Page tables and frames: which page is where, in numbers and arrays of numbers.
 *
 * <p>A {@link dev.samara.core.page.PageTable} is a radix tree of {@linkplain dev.samara.core.page.Pte entries}, which
 * are in its {@linkplain dev.samara.core.page.Leaf leaves}; walking it takes no lock. {@link
 * dev.samara.core.page.Frames} says who uses which frame, and hands out free ones, from a {@link
 * dev.samara.core.page.Magazine} first. The bytes are in a {@link dev.samara.core.vma.FrameStore}, by default {@link
 * dev.samara.core.page.DirectFrames}. What an operation is at is marked in the entry itself, with the number of the
 * operation, which {@link dev.samara.core.page.PteOwners} turns into something to wait for. {@link
 * dev.samara.core.page.Memory} has all of it for one machine and page size. Which ranges are watched for writes is in
 * {@link dev.samara.core.page.Watches}.
 *
 * <p>Nothing here knows of VMAs. Who may put what into an entry is decided by the rooms below.
 */
@NullMarked
package dev.samara.core.page;

import org.jspecify.annotations.NullMarked;
