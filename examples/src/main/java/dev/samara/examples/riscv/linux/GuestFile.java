// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux;

import dev.samara.core.vma.Backing;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * An open file ({@code struct file}): what descriptors stand for. Descriptors of several processes may share it, so it
 * counts them. What a kind of file cannot do has the error of Linux.
 */
abstract class GuestFile {
    static final int READABLE = 1;
    static final int PRIORITY = 2;
    static final int WRITABLE = 4;
    static final int FAILED = 8;
    static final int HUNG_UP = 16;

    private final String path;
    private int users = 1;

    /** The bits of {@link OpenFlags}; those that {@code F_SETFL} changes are changed by any thread. */
    private volatile int flags;

    GuestFile(String path, int flags) {
        this.path = path;
        this.flags = flags;
    }

    final String path() {
        return path;
    }

    final int flags() {
        return flags;
    }

    final void flags(int changed) {
        flags = changed;
    }

    final boolean isNonBlocking() {
        return (flags & OpenFlags.NONBLOCK) != 0;
    }

    final boolean mayRead() {
        return (flags & OpenFlags.ACCESS) != OpenFlags.WRONLY;
    }

    final boolean mayWrite() {
        return (flags & OpenFlags.ACCESS) != OpenFlags.RDONLY;
    }

    final synchronized void retain() {
        users++;
    }

    final void release() {
        boolean isLast;
        synchronized (this) {
            isLast = --users == 0;
        }
        if (isLast) {
            close();
        }
    }

    /** Ends the use of the last descriptor. */
    void close() {}

    /** Reads at the position of this file; may wait. */
    abstract long read(GuestThread thread, ByteBuffer target);

    /** Writes at the position of this file; may wait. */
    abstract long write(GuestThread thread, ByteBuffer source);

    long readAt(ByteBuffer target, long offset) {
        return LinuxErrno.ESPIPE;
    }

    long writeAt(ByteBuffer source, long offset) {
        return LinuxErrno.ESPIPE;
    }

    long seek(long offset, int from) {
        return LinuxErrno.ESPIPE;
    }

    long truncate(long length) {
        return LinuxErrno.EINVAL;
    }

    long sync() {
        return LinuxErrno.EINVAL;
    }

    abstract FileStatus status();

    /** Returns which operations would not wait. */
    int ready() {
        return READABLE | WRITABLE;
    }

    /** Returns the threads that wait for a change of {@link #ready}; null if that is constant. */
    @Nullable
    WaitList waiters() {
        return null;
    }

    /** Returns what an {@code mmap} of this maps; null if it cannot be mapped. */
    @Nullable
    Backing backing() {
        return null;
    }

    boolean isTerminal() {
        return false;
    }
}
