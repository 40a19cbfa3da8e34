// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.backing;

import dev.samara.core.mman.Errno;
import java.nio.file.FileSystemException;

/**
 * The failure of a call on a host file, for callers that use exceptions instead of negative results: the path ({@link
 * #getFile}), the call with its range ({@link #getReason}), and the error.
 *
 * @see HostFile#channel
 */
public final class HostFileException extends FileSystemException {
    private static final long serialVersionUID = 1L;

    /** The error. */
    private final Errno errno;

    /**
     * Creates the exception of one failed call.
     *
     * @param path the path of the file, or another name of it
     * @param call the call with its arguments, as a person would write it
     * @param errno the error
     */
    public HostFileException(String path, String call, Errno errno) {
        super(path, null, call + ": " + errno);
        this.errno = errno;
    }

    /**
     * Returns the error.
     *
     * @return the error
     */
    public Errno errno() {
        return errno;
    }
}
