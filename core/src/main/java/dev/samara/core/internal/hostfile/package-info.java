// SPDX-License-Identifier: Apache-2.0
/**
 * Files of the host: their identity, and the transfer of bytes between their page caches and their devices.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>Which opens share a page cache, and what saves and closes a file after its last open?</td>
 *       <td>{@link dev.samara.core.internal.hostfile.HostFiles}</td></tr>
 *   <tr><td>Which file does a path name, which files are rejected, and what keeps a lock against other processes?</td>
 *       <td>{@code PathOpen}</td></tr>
 *   <tr><td>What orders changes of the size, reads and write-backs? What do options and hooks change? How large is a
 *       file, and did another program change its size? What reads pages into memory? What reads and writes bytes by
 *       calls, through the cache or past it, and punches holes?</td>
 *       <td>{@code HostInode}; how many pages are read at once: {@code OpenHostFile.ReadAhead}; reads and write-backs
 *       of one page: {@code FilePages.PageRead}; reads and writes through a mapping:
 *       {@code Faulter} of {@code internal.fault}</td></tr>
 *   <tr><td>What does an embedder get from an open, and what follows advice?</td>
 *       <td>{@link dev.samara.core.internal.hostfile.OpenHostFile}; with exceptions instead of negated errnos, and with
 *       locks of ranges: {@code HostFileChannel}</td></tr>
 *   <tr><td>What writes pages, and forces them to the device?</td>
 *       <td>{@code HostInode.PageWrites}, {@link dev.samara.core.internal.file.FilePages#writeBack}</td></tr>
 *   <tr><td>When are pages written without a call that saves them?</td>
 *       <td>{@code HostFiles.BackgroundWrites}</td></tr>
 *   <tr><td>What frees pages at the limit?</td>
 *       <td>{@code HostFiles.CacheLimit}, {@code Eviction} of {@link dev.samara.core.internal.file}</td></tr>
 *   <tr><td>What reads and writes the host's bytes?</td>
 *       <td>{@link dev.samara.core.internal.hostfile.HostChannel}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.core.internal.hostfile;

import org.jspecify.annotations.NullMarked;
