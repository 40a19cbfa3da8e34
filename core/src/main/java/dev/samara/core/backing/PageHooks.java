// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.backing;

import dev.samara.core.annotation.Experimental;
import java.nio.ByteBuffer;
import java.nio.file.OpenOption;

/**
 * Decides on pages of one file of the host as they are read into memory and before they are written back: a check of
 * their checksums, and the rule of a write-ahead log. An object of this type is an option of {@code Machine.openFile};
 * it holds for the file, through all opens and mappings of the machine, until the last one is closed.
 *
 * <p><b>Threads and locks.</b> The methods run on any thread: that of an access, of a save, or one of the machine;
 * several at a time. Locks of this file are held in the meantime, and none of another file. So a method may wait, and
 * may use other files of the machine: it may force the log. It must not call this file, by any open or mapping, and
 * must not wait for a thread that does. Calls of this file within a method throw {@link IllegalStateException}. While
 * {@link #afterRead} waits, so do accesses to its pages, and writes, truncations and holes. While {@link #beforeWrite}
 * waits, so do saves, truncations and holes of the file, and {@link HostFile#dirtyRanges}.
 *
 * <p><b>Failures.</b> A method that throws answers false, and is reported ({@code CALLBACK_FAILED}). One that never
 * returns holds up the calls above, and Machine.close, and nothing else. No answer makes the library lose or mix up
 * bytes.
 */
@Experimental
public interface PageHooks extends OpenOption {
    /**
     * Checks a page that was read from the host, before any access sees it. A refused page does not come into memory:
     * the access fails as if the host had failed to read it (EIO, or a SIGBUS), and the next access reads again.
     *
     * <p>Called for each page that is read into memory, at least once, also for neighbours of the accessed one. All
     * reads of the file go through memory. A page of a hole is read as zeros. Not called for bytes that another program
     * has added to a page that is in memory already.
     *
     * @param offset of the page in the file
     * @param page the bytes of the page up to the end of the file, read-only, from position 0 to the limit; not valid
     *     after the return
     * @return false to refuse the page; unless overridden, true
     */
    default boolean afterRead(long offset, ByteBuffer page) {
        return true;
    }

    /**
     * Decides whether a page may be written to the host now, for example whether the log is on its device up to the
     * number that the page contains. It may write and force the log first. A page that is held back stays dirty and in
     * memory, for the next save or background write: {@link HostFile#fsync}, {@code msync} and {@link
     * HostFile#syncRange} write the other pages, and return EAGAIN; a close keeps the file, and reports it.
     *
     * <p>The bytes are the copy that is written: a store that comes after the copy is written by a later write only,
     * which asks again. Calls that change the size and {@link HostFile#punch} change the host's file without asking.
     * Bytes that are added to the file are written by a write-back only: until then the host's file has zeros there.
     *
     * @param offset of the page in the file
     * @param page the bytes of the page up to the end of the file, read-only, from position 0 to the limit; not valid
     *     after the return
     * @return false to hold the page back; unless overridden, true
     */
    default boolean beforeWrite(long offset, ByteBuffer page) {
        return true;
    }
}
