// SPDX-License-Identifier: Apache-2.0
/**
 * The pages of files: which are in memory, and which VMAs map them.
 *
 * <p>{@link dev.samara.core.cache.FilePages} is a page cache: a {@link dev.samara.core.cache.PageIndex} from page
 * numbers to frames, read without a lock, and a {@link dev.samara.core.cache.ReverseMap} from page numbers to VMAs.
 * Mappings do not count the frames of a cache. Instead, who takes a page out does it in this order:
 *
 * <pre>
 *     out of the index, marked removed  ->  walk the reverse map, entries in transit  ->  shootdown, grace period  ->  free
 * </pre>
 *
 * and who maps a page checks, under the lock of the leaf, that it is not marked: so either the walk finds the entry, or
 * there is none.
 */
@NullMarked
package dev.samara.core.cache;

import org.jspecify.annotations.NullMarked;
