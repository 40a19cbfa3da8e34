// SPDX-License-Identifier: Apache-2.0
/**
 * The pages of files and of shared anonymous memory: the pages in memory, and the VMAs that map them.
 *
 * <p>{@link dev.samara.core.internal.file.FilePages} is a page cache: a {@link dev.samara.core.internal.file.PageIndex}
 * from page numbers to frames, read without a lock, and a {@link dev.samara.core.internal.file.ReverseMap} from page
 * numbers to VMAs. Pages leave it by {@link dev.samara.core.internal.file.Removals}: for a call, by a {@link
 * dev.samara.core.internal.file.Truncation}, or by {@link dev.samara.core.internal.file.CleanPageReclaim}. {@link
 * dev.samara.core.internal.file.UnmapMapping} then removes them from the mappings. A {@link
 * dev.samara.core.internal.file.SharedAnonymous} object has such a cache, too. All but the reverse map is made with the
 * first page ({@link dev.samara.core.internal.file.PresentPages}).
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
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>Which frame has a page of a file?</td>
 *       <td>{@link dev.samara.core.internal.file.FilePages}, {@code PageIndex}</td></tr>
 *   <tr><td>Which VMAs map a page of a file?</td>
 *       <td>{@code ReverseMap}</td></tr>
 *   <tr><td>What puts single pages into a file, for its backing or its first access?</td>
 *       <td>{@code FreshPages}</td></tr>
 *   <tr><td>What puts pages into a file that were read from behind it?</td>
 *       <td>{@code ReadPages}</td></tr>
 *   <tr><td>What takes pages out of a file?</td>
 *       <td>{@code Removals}, {@code Truncation}</td></tr>
 *   <tr><td>What removes these pages from the mappings?</td>
 *       <td>{@code UnmapMapping}</td></tr>
 *   <tr><td>What frees pages of files when memory is short?</td>
 *       <td>{@code CleanPageReclaim}</td></tr>
 *   <tr><td>What reads, saves and evicts pages of a file that has them elsewhere, too?</td>
 *       <td>{@link dev.samara.core.internal.file.SavedPages}</td></tr>
 *   <tr><td>What frees pages of files of the host, though they are mapped?</td>
 *       <td>{@code Eviction}, {@code EvictionBatch}</td></tr>
 *   <tr><td>What does a read do if its page is being evicted?</td>
 *       <td>{@code ReadPages.insert} returns {@code NoFrame.EVICTED}, by {@code PagesUnderEviction}; {@code
 *       hostfile.PageFetches} waits for the eviction, and reads again. {@code EvictionBatch.putBack} decides which
 *       pages stay</td></tr>
 *   <tr><td>Which pages does it look at next, and which are known to stay?</td>
 *       <td>{@code EvictionCursor}</td></tr>
 *   <tr><td>Which dirty pages does it want written?</td>
 *       <td>{@code EvictionDirtyRange}</td></tr>
 *   <tr><td>Which of them are freed first?</td>
 *       <td>{@code RecentReads}</td></tr>
 *   <tr><td>What writes dirty pages behind the cache?</td>
 *       <td>{@code WriteBack}</td></tr>
 *   <tr><td>Where does a thread wait for a write-back?</td>
 *       <td>At no single page: {@code hostfile.InodeState} has the lock under which a file's pages are written; its
 *       takers include {@code hostfile.PageWrites}, {@code HostInode.awaitWriteBack} and truncations</td></tr>
 *   <tr><td>Which of these pages may be freed?</td>
 *       <td>{@code ReclaimCandidates}</td></tr>
 *   <tr><td>What reads and writes the bytes of a file?</td>
 *       <td>{@code FileBytes}</td></tr>
 *   <tr><td>What does an anonymous shared mapping map?</td>
 *       <td>{@link dev.samara.core.internal.file.SharedAnonymous}</td></tr>
 *   <tr><td>Which seals are refused, and what counts the writable mappings?</td>
 *       <td>{@code Seals.add}, {@code Seals.tryMap}; while a fork copies, {@code ForkWritableFiles} in {@code
 *       internal.op}; what a seal takes from a new mapping: {@code Mmap.flagsOfSeals}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.core.internal.file;

import org.jspecify.annotations.NullMarked;
