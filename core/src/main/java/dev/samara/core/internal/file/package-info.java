// SPDX-License-Identifier: Apache-2.0
/**
 * The pages of files and of shared anonymous memory: the pages in memory, and the VMAs that map them.
 *
 * <p>{@link dev.samara.core.internal.file.FilePages} is a page cache: a {@link dev.samara.core.internal.file.PageIndex}
 * from page numbers to frames, read without a lock, and a {@link dev.samara.core.internal.file.ReverseMap} from page
 * numbers to VMAs. Its pages are removed by a {@link dev.samara.core.internal.file.Truncation}, which then removes them
 * from the mappings, or by an {@link dev.samara.core.internal.file.Eviction}. A {@link
 * dev.samara.core.internal.file.SharedAnonymous} object also contains such a cache. Everything in a cache except the
 * reverse map is created with the first page.
 *
 * <p>A mapping of a cached page does not count as a use of its frame. Instead, a thread that removes a page from a
 * cache follows this order:
 *
 * <pre>
 *     out of the index, marked removed  ->  walk the reverse map, claim entries  ->  shootdown, grace period  ->  free
 * </pre>
 *
 * <p>A thread that maps a page checks, under the lock of the leaf, that the page is not marked. So the walk finds each
 * entry that maps the page.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>Which frame contains a page of a file?</td>
 *       <td>{@link dev.samara.core.internal.file.FilePages}, {@code PageIndex}</td></tr>
 *   <tr><td>Which VMAs map a page of a file?</td>
 *       <td>{@code ReverseMap}</td></tr>
 *   <tr><td>What inserts a single page, for the backing of a file or the first access to the page?</td>
 *       <td>{@code FilePages.insert}</td></tr>
 *   <tr><td>What inserts pages that were read from the host or the backing?</td>
 *       <td>{@code FilePages.insertRead}</td></tr>
 *   <tr><td>What removes pages from a file?</td>
 *       <td>{@code Truncation.remove}</td></tr>
 *   <tr><td>What removes pages of a file from its mappings?</td>
 *       <td>{@code Truncation.walk}, {@code Eviction.unmap}</td></tr>
 *   <tr><td>What frees pages of files when memory is short?</td>
 *       <td>{@code Eviction.reclaim}</td></tr>
 *   <tr><td>What reads, saves and evicts pages of a file whose content is also stored elsewhere?</td>
 *       <td>{@link dev.samara.core.internal.file.FilePages}</td></tr>
 *   <tr><td>What frees pages of host files even if they are mapped?</td>
 *       <td>{@code Eviction}</td></tr>
 *   <tr><td>Which pages of a host file are in memory together, in consecutive frames?</td>
 *       <td>{@code Blocks}</td></tr>
 *   <tr><td>What does a read do if its page is being evicted?</td>
 *       <td>{@code FilePages.insertRead} returns {@code EVICTED}, by {@code Eviction.contains}; {@code
 *       hostfile.HostInode} waits for the eviction, and reads again. {@code Eviction.putBack} decides which
 *       pages stay</td></tr>
 *   <tr><td>Which pages does an eviction check next, and which ones cannot be freed now?</td>
 *       <td>{@code Eviction.Cursor}</td></tr>
 *   <tr><td>Which dirty pages do evictions request to be written?</td>
 *       <td>{@code Eviction.Cursor.addDirty}</td></tr>
 *   <tr><td>Which pages does an eviction free first?</td>
 *       <td>{@code Eviction.RecentReads}</td></tr>
 *   <tr><td>What writes dirty pages back?</td>
 *       <td>{@code WriteBack}</td></tr>
 *   <tr><td>Where does a thread wait for a write-back?</td>
 *       <td>Not at single pages. {@code hostfile.HostInode} contains the lock under which a file's pages are written.
 *       It is acquired by {@code hostfile.HostInode.PageWrites} and truncations</td></tr>
 *   <tr><td>Which pages may a reclaim free?</td>
 *       <td>{@code Eviction.reclaim}</td></tr>
 *   <tr><td>What reads and writes the bytes of a file?</td>
 *       <td>{@code FilePages.pread}, {@code pwrite}</td></tr>
 *   <tr><td>What does an anonymous shared mapping map?</td>
 *       <td>{@link dev.samara.core.internal.file.SharedAnonymous}</td></tr>
 *   <tr><td>Which seals are rejected, and what counts the writable mappings?</td>
 *       <td>{@code Seals.add}, {@code Seals.tryMap}; while a fork copies, {@code CopyPageTables} in {@code
 *       internal.op}; {@code Mmap.flagsOfSeals} removes the rights that a seal denies to a new mapping</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.core.internal.file;

import org.jspecify.annotations.NullMarked;
