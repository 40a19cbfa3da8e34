// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * The bytes of an open file outside of the machine, read and written by position. Thread-safe. An interrupt of a thread
 * closes no channel and ends no call.
 */
public interface HostChannel {
    /**
     * Reads bytes into the remaining bytes of a buffer; may read fewer.
     *
     * @return the number of bytes, at least 1; -1 at the end of the file
     */
    int read(ByteBuffer target, long offset) throws IOException;

    /**
     * Writes the remaining bytes of a buffer; may write fewer. Makes the file larger if they reach beyond its end.
     *
     * @return the number of bytes
     */
    int write(ByteBuffer source, long offset) throws IOException;

    /** Returns when all bytes that were written before are on the device. */
    void force() throws IOException;

    /** Returns the size of the file in bytes. */
    long size() throws IOException;

    /**
     * Returns whether the size is the number of bytes, as far as a read of a byte tells: the kernel may make the bytes
     * of a file on no device at each read, and then none of its pages can be cached.
     */
    default boolean isSizeRight() throws IOException {
        return true;
    }

    /** Makes the file smaller; does nothing if it is not larger than that. */
    void truncate(long bytes) throws IOException;

    /** Ends the use of the file. Other calls fail after that. */
    void close() throws IOException;
}
