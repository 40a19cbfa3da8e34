// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.backing;

import dev.samara.core.annotation.Experimental;
import java.nio.file.OpenOption;

/** Options of {@code Machine.openFile} beside those of {@link java.nio.file.StandardOpenOption}. */
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
     */
    DIRECT
}
