// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileLock;
import org.jspecify.annotations.Nullable;

/**
 * The bytes of an open file outside the machine, which are read and written by position. Thread-safe. The interrupt of
 * a thread neither closes the channel nor ends a call.
 */
public interface HostChannel {
    /**
     * Reads bytes into the remaining bytes of a buffer; may read fewer.
     *
     * @return the number of bytes read, at least 1; -1 at the end of the file
     */
    int read(ByteBuffer target, long offset) throws IOException;

    /**
     * Writes the remaining bytes of a buffer; may write fewer. Extends the file if the bytes end beyond its end.
     *
     * @return the number of bytes written
     */
    int write(ByteBuffer source, long offset) throws IOException;

    /** Returns once all bytes that were written before are on the device. */
    void force() throws IOException;

    /** Returns the size of the file in bytes. */
    long size() throws IOException;

    /**
     * Returns whether reading a byte confirms the size. The kernel generates the content of some files at each read;
     * their size is not the number of their bytes, and their pages cannot be cached.
     */
    default boolean isSizeRight() throws IOException {
        return true;
    }

    /**
     * Returns whether the kernel of the host caches the bytes that are read. In that case, a second read of the same
     * bytes does not access the device, so a large read may bypass the page cache of the machine.
     */
    default boolean isCachedByHost() {
        return false;
    }

    /**
     * Locks the file against other processes until the channel is closed, without waiting.
     *
     * @param isShared whether other processes may also hold shared locks
     * @return false if another process holds a lock that excludes this one
     * @throws java.nio.channels.OverlappingFileLockException if other code in the JVM holds a lock of the file
     */
    default boolean tryLock(boolean isShared) throws IOException {
        throw new UnsupportedOperationException("locks of " + this);
    }

    /**
     * Locks a part of the file against other processes, without waiting.
     *
     * @return the lock, which ends with its release or with the channel; null if another process holds a lock that
     *     excludes this one
     * @throws java.nio.channels.OverlappingFileLockException if the JVM holds a lock of a part of the range
     */
    default @Nullable FileLock tryLock(long offset, long length, boolean isShared) throws IOException {
        throw new UnsupportedOperationException("locks of " + this);
    }

    /** Truncates the file; does nothing if it is not larger than {@code bytes}. */
    void truncate(long bytes) throws IOException;

    /** Ends the use of the file. Other calls fail after that. */
    void close() throws IOException;
}
