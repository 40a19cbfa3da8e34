// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.backing;

import dev.samara.core.annotation.Experimental;
import java.nio.file.OpenOption;

/**
 * Options of {@code Machine.openFile} in addition to those of {@link java.nio.file.StandardOpenOption}. Except for
 * {@link #DIRECT}, an option applies to the file, not to the open. The first open in the machine sets the options. A
 * later open must pass the same options or none; otherwise it is refused (EBUSY; EINVAL for blocks of another size).
 * The options end with the last use of the file.
 */
@Experimental
public enum HostFileOption implements OpenOption {
    /**
     * {@code O_DIRECT}: calls of this open do not bring pages into memory. A {@link HostFile#pread} of any length reads
     * bytes that are not in memory from the host directly into the caller's buffer. A {@link HostFile#pwrite} or {@link
     * HostFile#append} writes whole pages that are not in memory directly to the host's file before it returns. Other
     * opens of the file, and all mappings, use the page cache as before, and see these bytes immediately.
     *
     * <p>Unlike on Linux, no alignment is required. A part of a page, and a page that is in memory, are written as
     * without the option: the page is read first if it is not in memory, and a later save writes it. So if a program
     * writes whole pages, and neither maps the file nor reads it through other opens, no page of the file is in memory.
     * The host's descriptor is opened without {@code O_DIRECT}, so the host's kernel caches such bytes.
     *
     * <p><b>Errors.</b> A failed write is returned by the call itself, and not by a later save. If a write fails after
     * its first bytes, it returns the number of these bytes. Written bytes are on the device after a save ({@link
     * HostFile#fsync}), like all others. But if the force of that save fails, <em>no later save can write them
     * again</em>, because no page in memory contains them. The failure is reported once to each open, like other
     * failures, and a caller that needs the bytes must write them again. Without the option, a page stays dirty until a
     * save succeeds.
     *
     * <p>A direct buffer is copied once, a heap buffer twice. A write of such pages waits for a write-back of the file
     * that is in progress. In turn, write-backs, and faults at one of the pages, wait for the write.
     *
     * <p>This option applies to the open, not to the file. A file with {@link PageHooks} or {@link #NO_STEAL} is
     * written only by write-backs, and a file with hooks is read only through memory, as if this option were not set.
     */
    DIRECT,

    /**
     * {@code O_EXLOCK}: an exclusive lock of the whole file against other processes ({@code fcntl}, {@code F_WRLCK}),
     * acquired without waiting. Needs {@code WRITE}.
     *
     * <p>A process loses its {@code fcntl} locks on a file when it closes any descriptor of that file. So while the
     * file is locked, the library closes no descriptor of it, in any machine of the process: later opens of its path
     * share the one descriptor, and so the host does not check their rights. Other code of the process must not open
     * and close the file. Locks are advisory on Unix: they exclude only processes that also request such locks.
     */
    EXLOCK,

    /**
     * {@code O_SHLOCK}: a shared lock of the whole file ({@code F_RDLCK}), otherwise like {@link #EXLOCK}. If the file
     * is open for reading only, opens for writing are refused (EBUSY), because they would need a second descriptor.
     */
    SHLOCK,

    /**
     * No page is written back unless a call requests it: by {@link HostFile#fsync}, {@code msync}, {@link
     * HostFile#syncRange}, {@code Machine.sync}, and the last close (the <em>no-steal</em> policy of database systems).
     * There are no periodic writes and no writes above the {@code dirtyRatio}, and no eviction writes a page. So dirty
     * pages stay in memory, like locked pages, even beyond the {@code cacheLimit} and until no frame is free. Then an
     * access that needs a frame returns {@code OUT_OF_MEMORY}, and a call returns ENOMEM. {@link HostFile#dirtyRanges}
     * lists the dirty pages.
     *
     * <p>Calls that change the size and {@link HostFile#punch} change the host's file immediately. After a write beyond
     * the end, the host's file contains zeros there until the bytes are written back.
     */
    NO_STEAL,

    /**
     * The file is in memory in blocks of 16 KiB: each aligned 16 KiB of it are read, written back and evicted together,
     * and their pages are consecutive in memory. So a {@link dev.samara.core.guest.PageRun} finds a node of a storage
     * engine in one piece if the node lies within one block of a shared mapping, and so does {@code GuestMemory.view}.
     *
     * <ul>
     *   <li>An access to a page that is not in memory, through a mapping or by a call, reads the whole block, up to the
     *       end of the file. If one of its pages cannot be read, the access fails. A write that covers a whole block,
     *       up to the end of the file, does not read it.
     *   <li>A page that is dirty, pinned or locked keeps its block in memory. A block with a dirty page is written
     *       whole, by one write of the host. If {@link PageHooks#beforeWrite} holds a page back, its block is held
     *       back.
     *   <li>A hole is punched in whole blocks; the rest of its range is filled with zeros through memory.
     *   <li>If no frames are left that are consecutive, pages are evicted until there are. If nothing can be evicted,
     *       the access fails as without a free frame ({@code OUT_OF_MEMORY}, ENOMEM).
     *   <li>The end of the file may lie within a block. The rest of the block's memory is kept for the growth of the
     *       file, and counts toward the {@code cacheLimit}.
     * </ul>
     *
     * <p>One exception: if the file is truncated while a page beyond its new end is pinned, and grows again before the
     * page is unpinned, the new page is apart from its block until the block is evicted.
     *
     * <p>An open is refused (EINVAL) if the file is already open with blocks of another size, or without; if the {@code
     * cacheLimit} or the memory of the machine has no room for 8 blocks, or the second {@code dirtyRatio} of the {@code
     * cacheLimit} for one; and if pages have another size than 1 KiB, 4 KiB, or at least 16 KiB. Calls of an open with
     * {@link #DIRECT} bypass memory as without blocks.
     */
    BLOCKS_16K,

    /**
     * The file is in memory in blocks of 64 KiB, otherwise like {@link #BLOCKS_16K}. Pages must have 4 KiB, 16 KiB, or
     * at least 64 KiB.
     */
    BLOCKS_64K
}
