// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.backing;

import dev.samara.core.annotation.Experimental;
import java.nio.ByteBuffer;
import java.nio.file.OpenOption;

/**
 * Accepts or refuses pages of one host file as they are read into memory and before they are written back, e.g. to
 * verify checksums, or to enforce the rule of a write-ahead log. An object of this type is an option of {@code
 * Machine.openFile}. It applies to the file, in all its opens and mappings in the machine, until the last one is
 * closed.
 *
 * <p><b>Threads and locks.</b> Several methods may run concurrently, on any thread: the thread of an access or of a
 * save, or one of the machine's threads. During a call, locks of this file are held, but no lock of another file. So a
 * method may wait, and may use other files of the machine; e.g. it may force the log. It must not use this file,
 * through any open or mapping, and must not wait for a thread that does. Within a method, calls of this file that may
 * wait for its locks throw {@link IllegalStateException}, including {@link HostFile#close}; so do {@code Machine.sync}
 * and {@code Machine.close}, before they save any file. {@link HostFile#size}, {@link HostFile#absentPages}, {@link
 * HostFile#denyWrites} and {@code mmap} do not wait, and are allowed. A new open of the file is not detected, and must
 * not be made: it could not be closed within the method. While {@link #afterRead} waits, so do accesses to its pages,
 * and writes, truncations and holes of the file. While {@link #beforeWrite} waits, so do saves, truncations and holes
 * of the file, and {@link HostFile#dirtyRanges}.
 *
 * <p><b>Failures.</b> If a method throws, the exception is reported ({@code CALLBACK_FAILED}), and the result is false.
 * A method that never returns blocks only the calls above and {@code Machine.close}. No result makes the library lose
 * or mix up bytes.
 */
@Experimental
public interface PageHooks extends OpenOption {
    /**
     * Checks a page that was read from the host, before any access sees it. A refused page does not enter memory: the
     * access fails as if the host had failed to read the page (EIO, or a SIGBUS), and the next access reads it again.
     *
     * <p>Called at least once for each page that is read into memory, including neighbours of the accessed page. All
     * reads of the file go through memory. A page in a hole is passed as zeros. Not called for bytes that another
     * program appended to a page that is already in memory.
     *
     * @param offset the offset of the page in the file
     * @param page the bytes of the page up to the end of the file, read-only, from position 0 to the limit; not valid
     *     after the return
     * @return false to refuse the page; unless overridden, true
     */
    default boolean afterRead(long offset, ByteBuffer page) {
        return true;
    }

    /**
     * Decides whether a page may be written to the host now, e.g. whether the log is on its device up to the sequence
     * number that the page contains. It may first write and force the log. A page that is held back stays dirty and in
     * memory, for the next save or background write: {@link HostFile#fsync}, {@code msync} and {@link
     * HostFile#syncRange} write the other pages, and return EAGAIN; a close keeps the file in memory, and reports that.
     *
     * <p>The bytes are the copy that is written. A store after the copy is written only by a later write, for which
     * this method is called again. Calls that change the size, and {@link HostFile#punch}, change the host's file
     * without calling this method. Bytes that are appended to the file are written only by a write-back; until then the
     * host's file contains zeros there.
     *
     * @param offset the offset of the page in the file
     * @param page the bytes of the page up to the end of the file, read-only, from position 0 to the limit; not valid
     *     after the return
     * @return false to hold the page back; unless overridden, true
     */
    default boolean beforeWrite(long offset, ByteBuffer page) {
        return true;
    }
}
