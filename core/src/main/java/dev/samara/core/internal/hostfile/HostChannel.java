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
     * Returns whether reading a byte confirms the size. The kernel generates some files without a device at each read;
     * their size is not the number of their bytes, and their pages cannot be cached.
     */
    default boolean isSizeRight() throws IOException {
        return true;
    }

    /**
     * Returns whether the kernel of the host keeps what is read: a second read of the same bytes asks no device then,
     * so a large read may go past the page cache.
     */
    default boolean isCachedByHost() {
        return false;
    }

    /**
     * Locks the file against other processes until the channel is closed, without waiting.
     *
     * @param isShared whether other processes may have such a lock, too
     * @return false if another process has a lock that excludes this one
     * @throws java.nio.channels.OverlappingFileLockException if other code of the JVM has a lock of the file
     */
    default boolean tryLock(boolean isShared) throws IOException {
        throw new UnsupportedOperationException("locks of " + this);
    }

    /** Makes the file smaller; does nothing if it is not larger than that. */
    void truncate(long bytes) throws IOException;

    /** Ends the use of the file. Other calls fail after that. */
    void close() throws IOException;
}
