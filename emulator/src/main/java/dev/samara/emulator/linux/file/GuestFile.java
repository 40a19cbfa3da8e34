// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.core.vma.Backing;
import dev.samara.core.vma.PageCache;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.DescriptorTable.OpenFileCount;
import dev.samara.emulator.linux.file.DescriptorTable.OpenFlags;
import dev.samara.emulator.linux.file.GuestNames.OpenedName;
import dev.samara.emulator.linux.wait.WaitList;
import dev.samara.emulator.linux.wait.WaitList.WaitingThread;
import org.jspecify.annotations.Nullable;

/**
 * An open file ({@code struct file}), to which descriptors refer. Descriptors of several processes may share it, so it
 * counts its users. All bytes pass through {@link #read} and {@link #write}, whichever call transfers them. An
 * operation that a kind of file does not support fails with the same error as on Linux.
 */
public abstract class GuestFile {
    /** The events of {@code poll}. Those without priority have a second name, with the same meaning. */
    public static final int READABLE = 1 | 0x40;

    public static final int PRIORITY = 2;
    public static final int WRITABLE = 4 | 0x100;
    public static final int FAILED = 8;
    public static final int HUNG_UP = 16;

    /** The offset of a transfer that starts at the position of the open file, and moves it. */
    public static final long POSITION = -1;

    /** The bytes that {@link #available} returns if the file cannot tell them. */
    public static final long UNTOLD = Long.MIN_VALUE;

    /** Where the bytes of a read go. */
    @FunctionalInterface
    public interface ReadTarget {
        /** Takes the first bytes of an array; returns fewer if the memory ends before. */
        int put(byte[] bytes, int length);
    }

    /** Where the bytes of a write come from. */
    @FunctionalInterface
    public interface WriteSource {
        /** Copies bytes from an offset in the source; returns fewer if the memory ends before. */
        int get(long from, byte[] to, int length);
    }

    private final String path;
    private int users = 1;

    /** The count that includes this open file; null before it has a descriptor. */
    private @Nullable OpenFileCount counted;

    /**
     * The file locks of the guest, in which this open file or a process that has it open may own locks. Null until the
     * first lock is about to be taken.
     */
    private volatile @Nullable FileLocks locks;

    /**
     * The bits of {@link OpenFlags}. Any thread may change those that {@code F_SETFL} sets.
     *
     * <p>Words: {@code flags}, {@code name}, {@code isEnding} of {@code GuestFile}, {@code WorkingFolder}, {@code
     *     GuestSystem}.
     * Written: any thread (volatile).
     * Read: any thread (volatile).
     * Invariant: {@code isEnding} stays set; a thread that adds a process checks it afterwards.
     */
    private volatile int flags;

    GuestFile(String path, int flags) {
        this.path = path;
        this.flags = flags;
    }

    /** Returns the path by which the file is open now; if it has none, what {@code /proc} shows instead. */
    public final String path() {
        OpenedName opened = openedName();
        return opened == null ? path : opened.path();
    }

    /** Returns the target of the descriptor's link in {@code /proc}. */
    public final String shownPath() {
        OpenedName opened = openedName();
        return opened == null ? path : opened.shown();
    }

    public final int flags() {
        return flags;
    }

    public final void flags(int changed) {
        flags = changed;
    }

    final boolean isNonBlocking() {
        return (flags & OpenFlags.NONBLOCK) != 0;
    }

    public final boolean mayRead() {
        int access = flags & OpenFlags.ACCESS;
        return access == OpenFlags.RDONLY || access == OpenFlags.RDWR;
    }

    public final boolean mayWrite() {
        int access = flags & OpenFlags.ACCESS;
        return access == OpenFlags.WRONLY || access == OpenFlags.RDWR;
    }

    public final synchronized void retain() {
        users++;
    }

    /** Ends a use. The last one closes the file. */
    public final void release() {
        boolean isLast;
        synchronized (this) {
            isLast = --users == 0;
        }
        if (isLast) {
            FileLocks kept = locks;
            if (kept != null) {
                kept.releaseAll(lockKey(), this);
            }
            OpenFileCount count = counted;
            Backing file = count == null ? null : backing();
            PageCache pages = file == null ? null : file.pageCache();
            try {
                close();
            } finally {
                if (count != null) {
                    count.remove(pages);
                }
            }
        }
    }

    /** Counts this open file; returns false if there are too many. */
    public final synchronized boolean countIn(OpenFileCount files) {
        boolean isCounted = counted != null || files.add();
        if (isCounted) {
            counted = files;
        }
        return isCounted;
    }

    /** Makes the end of this open file release its locks. */
    public final void keepLocks(FileLocks taken) {
        locks = taken;
    }

    public final FileLocks.FileKey lockKey() {
        FileStatus found = status();
        return new FileLocks.FileKey(found.device(), found.inode());
    }

    /** Called once, by the end of the last use. */
    void close() {}

    /** Reads at most {@code length} bytes at an offset or at {@link #POSITION}. */
    public long read(FileThread thread, long offset, int length, ReadTarget target) {
        return LinuxErrno.EBADF;
    }

    /** Writes {@code length} bytes at an offset or at {@link #POSITION}. */
    public long write(FileThread thread, long offset, long length, WriteSource source) {
        return LinuxErrno.EBADF;
    }

    /** Returns what a transfer returns that stored or read this many bytes, where there were some. */
    static long taken(int bytes) {
        return bytes == 0 ? LinuxErrno.EFAULT : bytes;
    }

    /** Returns whether transfers are not divided, because what the file accepts depends on the whole transfer. */
    public boolean isPipe() {
        return false;
    }

    /** Returns whether transfers may be at an offset. */
    public boolean hasOffsets() {
        return true;
    }

    public long seek(long offset, int from) {
        return LinuxErrno.ESPIPE;
    }

    public long truncate(long length) {
        return LinuxErrno.EINVAL;
    }

    public long grow(long length) {
        return length > status().size() ? truncate(length) : 0;
    }

    public long punch(long offset, long length) {
        return LinuxErrno.EOPNOTSUPP;
    }

    public long sync() {
        return LinuxErrno.EINVAL;
    }

    public abstract FileStatus status();

    /** Returns how many bytes can be read without waiting (FIONREAD); {@link #UNTOLD} for ENOTTY. */
    public long available() {
        return UNTOLD;
    }

    /** Returns the events that have occurred. */
    public int ready() {
        return READABLE | WRITABLE;
    }

    /** Returns the threads that wait for an event; null if all events have always occurred. */
    public @Nullable WaitList waiters() {
        return null;
    }

    /** Returns what {@code mmap} maps; null for ENODEV. */
    public @Nullable Backing backing() {
        return null;
    }

    /** Opens the file again by its link in {@code /proc}; returns null for EACCES. */
    public @Nullable GuestFile reopened(int changed) {
        int access = changed & OpenFlags.ACCESS;
        if ((access != OpenFlags.WRONLY && !mayRead()) || (access != OpenFlags.RDONLY && !mayWrite())) {
            return null;
        }
        retain();
        return this;
    }

    /** Returns the name on the host by which the file is open; null if it is not a file of the host. */
    public @Nullable OpenedName openedName() {
        return null;
    }

    /** Returns whether the file can be found by a path. */
    public boolean hasPath() {
        return true;
    }

    public boolean isTerminal() {
        return false;
    }

    /** A thread of the guest that reads or writes a file. */
    public interface FileThread extends WaitingThread {
        /** Sends SIGPIPE to this thread because it wrote to a pipe without a reader. */
        void sendPipeSignal();

        /** Whether this thread must end, so that a call must return soon. */
        boolean mustEnd();
    }
}
