// SPDX-License-Identifier: Apache-2.0
/**
 * The pages of files and of shared anonymous memory: which are in memory, and which VMAs map them.
 *
 * <p>{@link dev.samara.core.internal.file.FilePages} is a page cache: a {@link
 * dev.samara.core.internal.file.PageIndex} from page numbers to frames, read without a lock, and a {@link
 * dev.samara.core.internal.file.ReverseMap} from page numbers to VMAs. Pages leave it by {@link
 * dev.samara.core.internal.file.Removals}: for a call, by a {@link dev.samara.core.internal.file.Truncation}, or by
 * {@link dev.samara.core.internal.file.Reclaim}. {@link dev.samara.core.internal.file.UnmapMapping} then removes them
 * from the mappings. A {@link dev.samara.core.internal.file.SharedAnonymous} object has such a cache, too. All but the
 * reverse map is made with the first page ({@link dev.samara.core.internal.file.PresentPages}).
 *
 * <p>Mappings do not count the frames of a cache. A thread that takes a page out of a cache does so in this order
 * instead:
 *
 * <pre>
 *     out of the index, marked removed  ->  walk the reverse map, claim entries  ->  shootdown, grace period  ->  free
 * </pre>
 *
 * <p>A thread that maps a page checks, under the lock of the leaf, that the page is not marked. So the walk finds the
 * entry, or there is none.
 */
@NullMarked
package dev.samara.core.internal.file;

import org.jspecify.annotations.NullMarked;
