// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.backing;

import dev.samara.core.annotation.Experimental;
import java.nio.file.OpenOption;

/**
 * Options of {@code Machine.openFile} beside those of {@link java.nio.file.StandardOpenOption}. They hold for the file,
 * not for the open: the first open in the machine sets them, each later one names the same options or none, and any
 * other is refused (EBUSY). They end with the last use of the file.
 */
@Experimental
public enum HostFileOption implements OpenOption {
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
     * needs one is {@code OUT_OF_MEMORY}, and a call ENOMEM. {@link HostFile#dirtyRanges} tells what is dirty.
     *
     * <p>Calls that change the size and {@link HostFile#punch} change the host's file at once. The bytes of a write
     * beyond the end are zeros there until they are written back.
     */
    NO_STEAL
}
