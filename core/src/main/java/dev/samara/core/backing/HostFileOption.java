// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.backing;

import dev.samara.core.annotation.Experimental;
import java.nio.file.OpenOption;

/**
 * Options of {@code Machine.openFile} in addition to those of {@link java.nio.file.StandardOpenOption}. But for {@link
 * #DIRECT} they hold for the file, not for the open: the first open in the machine sets them, each later one names the
 * same options or none, and any other is refused (EBUSY). They end with the last use of the file.
 */
@Experimental
public enum HostFileOption implements OpenOption {
    /**
     * {@code O_DIRECT}: calls of this open do not bring pages into memory. A {@link HostFile#pread} of any length reads
     * what is not in memory from the host into the caller's buffer. A {@link HostFile#pwrite} or {@link
     * HostFile#append} writes whole pages that are not in memory to the host; when it returns, the host has their
     * bytes. Other opens of the file, and all mappings, use the page cache as before, and see these bytes at once.
     *
     * <p>Unlike on Linux, no alignment is required. A part of a page, and a page in memory, is written as without the
     * option: the page is read first if it is not in memory, and a later save writes it. So a program that writes whole
     * pages, and neither maps the file nor reads it by other opens, keeps no page of it in memory. The descriptor of
     * the host has no {@code O_DIRECT}: the kernel of the host keeps such bytes.
     *
     * <p><b>Errors.</b> A failed write is returned by the call, and by no later save; of a write that fails after its
     * first bytes, the number of the bytes before is returned. Written bytes are on the device after a save ({@link
     * HostFile#fsync}), as all others. But if its force fails, <em>no later save can write them again</em>: no page in
     * memory has them. The failure is reported once to each open, as others are, and a caller that needs the bytes
     * writes them again. Without the option, a page stays dirty until a save succeeds.
     *
     * <p>A direct buffer is copied once, a heap buffer twice. The write of such pages waits for a write-back of the
     * file that is under way, and a write-back, and a fault of one of the pages, wait for the write.
     *
     * <p>This option is the open's, not the file's. A file with {@link PageHooks} or {@link #NO_STEAL} is written by
     * write-backs only, and one with hooks is read through memory only, as if the option was not given.
     */
    DIRECT,

    /**
     * {@code O_EXLOCK}: an exclusive lock of the whole file against other processes ({@code fcntl}, {@code F_WRLCK}),
     * taken without waiting. Needs {@code WRITE}.
     *
     * <p>A process loses its {@code fcntl} locks on a file when it closes any descriptor of it. The library closes none
     * while the file is locked, in any machine of the process: later opens of its path share the one descriptor, and so
     * the host does not check their rights. Other code of the process must not open and close the file. Locks are
     * advisory on Unix: they keep out only processes that ask for them.
     */
    EXLOCK,

    /**
     * {@code O_SHLOCK}: a shared lock of the whole file ({@code F_RDLCK}), as {@link #EXLOCK} otherwise. If the file is
     * open for reading only, opens for writing are refused (EBUSY): they would need a second descriptor.
     */
    SHLOCK,

    /**
     * No page is written back unless it is asked for: by {@link HostFile#fsync}, {@code msync}, {@link
     * HostFile#syncRange}, {@code Machine.sync}, and the last close (the <em>no-steal</em> policy of database systems).
     * There are no periodic writes, none above the {@code dirtyRatio}, and no eviction writes a page. So dirty pages
     * stay in memory, as locked ones do: beyond the {@code cacheLimit}, and until no frame is free. Then an access that
     * needs one is {@code OUT_OF_MEMORY}, and a call ENOMEM. {@link HostFile#dirtyRanges} lists what is dirty.
     *
     * <p>Calls that change the size and {@link HostFile#punch} change the host's file at once. The bytes of a write
     * beyond the end are zeros there until they are written back.
     */
    NO_STEAL
}
