// SPDX-License-Identifier: Apache-2.0
/**
 * Files of the host: their identity, and the transfer of bytes between their page caches and their devices.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>Which opens share a page cache?</td>
 *       <td>{@link dev.samara.core.internal.hostfile.HostFiles}, {@code InodeTable}, {@code PathEntry}, {@code
 *       PathOpen}</td></tr>
 *   <tr><td>What keeps a lock against other processes?</td>
 *       <td>{@code ProcessFiles}, {@code PathEntry}</td></tr>
 *   <tr><td>What do options and hooks of an open change?</td>
 *       <td>{@code FileRules}, {@code HookCalls}, {@code HookedWrites}</td></tr>
 *   <tr><td>Which files are rejected?</td>
 *       <td>{@code HostPath}, {@code PathOpen}, {@code StoredSize}</td></tr>
 *   <tr><td>What does an embedder get from an open?</td>
 *       <td>{@link dev.samara.core.internal.hostfile.OpenHostFile}</td></tr>
 *   <tr><td>What saves and closes a file after its last open has ended?</td>
 *       <td>{@code LastClose}</td></tr>
 *   <tr><td>What orders changes of the size, reads and write-backs?</td>
 *       <td>{@code InodeState}; reads and write-backs of one page: {@code PageRead} of {@link
 *       dev.samara.core.internal.file}</td></tr>
 *   <tr><td>How large is a file, and did another program change its size?</td>
 *       <td>{@code HostSize}</td></tr>
 *   <tr><td>What reads and writes bytes by calls, and punches holes?</td>
 *       <td>{@code HostBytes}</td></tr>
 *   <tr><td>What throws exceptions instead of returning a negated errno?</td>
 *       <td>{@code HostFileChannel}</td></tr>
 *   <tr><td>Which reads bring no pages into memory?</td>
 *       <td>{@code UncachedReads}; from a mapping: {@code BackingFault} of {@code internal.fault}</td></tr>
 *   <tr><td>Which writes bring no pages into memory?</td>
 *       <td>{@code UncachedWrites}</td></tr>
 *   <tr><td>What reads pages into memory, and how many at once?</td>
 *       <td>{@code PageFetches}, {@code PageReads}, {@code ReadAhead}, {@code ForcedReadAhead}; by advice:
 *       {@code OpenAdvice}</td></tr>
 *   <tr><td>What writes pages, and forces them to the device?</td>
 *       <td>{@code PageWrites}, {@code HostForces}, {@link
 *       dev.samara.core.internal.file.FilePages#writeBack}</td></tr>
 *   <tr><td>When are pages written without a call that saves them?</td>
 *       <td>{@code PeriodicWrites}, {@code DirtyLimit}</td></tr>
 *   <tr><td>Which failures does an open report?</td>
 *       <td>{@code ErrorSequence}</td></tr>
 *   <tr><td>What frees pages at the limit?</td>
 *       <td>{@code CacheLimit}, {@code Eviction} of {@link dev.samara.core.internal.file}</td></tr>
 *   <tr><td>What reads and writes the host's bytes?</td>
 *       <td>{@link dev.samara.core.internal.hostfile.HostChannel}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.core.internal.hostfile;

import org.jspecify.annotations.NullMarked;
