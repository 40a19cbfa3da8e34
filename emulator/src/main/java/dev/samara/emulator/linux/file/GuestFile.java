// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.core.vma.Backing;
import dev.samara.core.vma.PageCache;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.lock.FileLocks;
import dev.samara.emulator.linux.wait.WaitList;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * An open file ({@code struct file}): what descriptors stand for. Descriptors of several processes may share it, so it
 * counts them. What a kind of file cannot do has the error of Linux.
 */
public abstract class GuestFile {
    public static final int READABLE = 1;
    public static final int PRIORITY = 2;
    public static final int WRITABLE = 4;
    public static final int FAILED = 8;
    public static final int HUNG_UP = 16;

    /** Each file of bytes at offsets may be that large ({@code MAX_NON_LFS}). */
    public static final long LEAST_LARGEST = Integer.MAX_VALUE;

    /** The bytes of a block in {@code /proc} ({@code proc_fill_super}). */
    static final int BLOCK_OF_PROC = 1024;

    private static final int READABLE_NORMAL = 0x40;
    private static final int WRITABLE_NORMAL = 0x100;

    private final String path;
    private int users = 1;

    /** Where this counts as an open file; null before it has a descriptor. */
    private @Nullable OpenFileCount counted;

    /** Where this or a process that has it open may own locks; null before the first one. Set before that is taken. */
    private volatile @Nullable FileLocks locks;

    /**
     * Made by the first {@code mmap}.
     *
     * @written the first thread that maps the file, holding the monitor (volatile)
     * @read any thread (volatile)
     * @invariant does not change once it is set
     */
    private volatile @Nullable Backing mapped;

    /** The credentials of the thread that opened this; null if they do not matter. Set before it is shared. */
    private @Nullable Object opener;

    /** Set before this is shared. */
    private boolean isNew;

    /**
     * The bits of {@link OpenFlags}; those that {@code F_SETFL} changes are changed by any thread.
     *
     * @words {@code flags}, {@code name}, {@code isEnding}, {@code rights} of {@code GuestFile}, {@code WorkingFolder},
     *     {@code GuestSystem}, {@code Pipe}
     * @written any thread (volatile)
     * @read any thread (volatile)
     * @invariant {@code isEnding} stays set; a thread that adds a process looks at it afterwards
     */
    private volatile int flags;

    GuestFile(String path, int flags) {
        this.path = path;
        this.flags = flags;
    }

    /** Returns the path; that of now for a file of the host. */
    public final String path() {
        OpenedName opened = openedName();
        return opened == null ? path : opened.path();
    }

    /** Returns the path as the links in {@code /proc} show it. */
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

    /** Notes the credentials of the thread that opens this, before it has a descriptor ({@code f_cred}). */
    public final void openedWith(Object credentials) {
        if (opener == null) {
            opener = credentials;
        }
    }

    /** Whether a thread with some credentials has opened this, or one that shares them. */
    public final boolean isOpenedWith(Object credentials) {
        return opener == null || opener == credentials;
    }

    /** Notes that the open of this has made the file, before this has a descriptor. */
    public final void noteNew() {
        isNew = true;
    }

    /** Whether the open of this has made the file ({@code FMODE_CREATED}). */
    public final boolean isNew() {
        return isNew;
    }

    /** Counts this before it gets its first descriptor; returns whether there may be one more: ENFILE otherwise. */
    public final synchronized boolean countIn(OpenFileCount files) {
        boolean isCounted = counted != null || files.add();
        if (isCounted) {
            counted = files;
        }
        return isCounted;
    }

    /** Has the last close release the locks that this owns. Called before one is taken. */
    public final void keepLocks(FileLocks taken) {
        locks = taken;
    }

    /** Returns what identifies this file for locks, whatever its name is. */
    public final FileLocks.FileKey lockKey() {
        FileStatus found = status();
        return new FileLocks.FileKey(found.device(), found.inode());
    }

    /** Ends the use of the last descriptor. */
    void close() {}

    /** Reads at the position of this file; may wait. EBADF if this is no open for reading. */
    public long read(FileThread thread, ByteBuffer target) {
        return LinuxErrno.EBADF;
    }

    /**
     * Reads at the position of this file as {@link #read} does, and takes from it only what the target takes.
     *
     * @param length the most bytes
     * @return the number of bytes, or an error; EFAULT if the target takes none of what there is
     */
    public long readTo(FileThread thread, int length, ReadTarget target) {
        byte[] bytes = new byte[length];
        long read = read(thread, ByteBuffer.wrap(bytes));
        return read <= 0 ? read : taken(target.put(bytes, (int) read));
    }

    /** Whether bytes can be read or written at all; otherwise that is EINVAL, wherever they would be. */
    public boolean hasBytes() {
        return true;
    }

    /** Whether this is an end of a pipe, which has pages of bytes. */
    public boolean isPipe() {
        return false;
    }

    /** Whether it supports reads and writes at an offset: {@code pread} of other files is always ESPIPE. */
    public boolean hasOffsets() {
        return true;
    }

    /** Whether {@code pwrite} is known, whatever the open may do: it is ESPIPE otherwise ({@code FMODE_PWRITE}). */
    public boolean takesWritesAt() {
        return hasOffsets();
    }

    /** Whether offsets are addresses, so that those with the highest bit are no mistakes. */
    public boolean hasUnsignedOffsets() {
        return false;
    }

    /** Whether each part of a vector is a separate write. */
    public boolean writesParts() {
        return false;
    }

    /** Returns the result of a read of which the target has taken some bytes. */
    static long taken(int bytes) {
        return bytes == 0 ? LinuxErrno.EFAULT : bytes;
    }

    /** Writes at the position of this file; may wait. EBADF if this is no open for writing. */
    public long write(FileThread thread, ByteBuffer source) {
        return LinuxErrno.EBADF;
    }

    /**
     * Writes at the position of this file as {@link #write} does.
     *
     * @param length the number of bytes; those of an array but for a pipe
     * @return the number of bytes, or an error; EFAULT if the source has none of them
     */
    public long writeFrom(FileThread thread, long length, WriteSource source) {
        byte[] bytes = new byte[(int) length];
        int got = source.get(0, bytes, bytes.length);
        return got == 0 && length > 0 ? LinuxErrno.EFAULT : write(thread, ByteBuffer.wrap(bytes, 0, got));
    }

    /** Writes at an offset as {@link #writeFrom} does at the position. */
    public long writeFromAt(long length, WriteSource source, long offset) {
        byte[] bytes = new byte[(int) length];
        int got = source.get(0, bytes, bytes.length);
        return got == 0 && length > 0 ? LinuxErrno.EFAULT : writeAt(ByteBuffer.wrap(bytes, 0, got), offset);
    }

    /**
     * Called after a write of this, without any of its locks: its time shows, and the file no longer runs as its owner
     * unless the thread keeps that.
     */
    public void written(FileThread thread) {}

    /** Notes that bytes were asked for, whatever there were ({@code file_accessed}). */
    public void accessed() {}

    public long readAt(ByteBuffer target, long offset) {
        return LinuxErrno.ESPIPE;
    }

    public long writeAt(ByteBuffer source, long offset) {
        return LinuxErrno.ESPIPE;
    }

    public long seek(long offset, int from) {
        return LinuxErrno.ESPIPE;
    }

    public long truncate(long length) {
        return LinuxErrno.EINVAL;
    }

    /** Truncates a file to 0 when it is opened, regardless of the access mode. */
    public long cut() {
        return mayWrite() ? truncate(0) : 0;
    }

    /**
     * Returns the largest size of this file: no position or size may be greater. It is at least {@link #LEAST_LARGEST},
     * so who does not go beyond that need not ask, which may take some calls of the host.
     */
    public long largestSize() {
        return Long.MAX_VALUE;
    }

    /** Makes a file at least that long. */
    public long grow(long length) {
        return length > status().size() ? truncate(length) : 0;
    }

    /** Makes bytes of a file zeros, and frees what they take, as far as the host can. */
    public long punch(long offset, long length) {
        return LinuxErrno.EOPNOTSUPP;
    }

    /** Whether this counts as a regular file, though its status may not say so. */
    public boolean isRegular() {
        return (status().mode() & FileStatus.TYPE) == FileStatus.REGULAR;
    }

    public long sync() {
        return LinuxErrno.EINVAL;
    }

    public abstract FileStatus status();

    /** The {@link #available} of a file that does not tell. */
    public static final long UNTOLD = Long.MIN_VALUE;

    /** Returns the bytes that could be read now ({@code FIONREAD}), below 0 beyond the end; or {@link #UNTOLD}. */
    public long available() {
        return UNTOLD;
    }

    /** Returns the bytes of a block of the file system ({@code s_blocksize}). */
    public int blockSize() {
        return FileStatus.BLOCK;
    }

    /** Returns the error of an {@code ioctl} that this file does not know. */
    public long unknownRequest() {
        return LinuxErrno.ENOTTY;
    }

    /** Whether this can send signals when it gets ready, to an owner that no guest can set ({@code fasync}). */
    public boolean sendsSignals() {
        return isTerminal() || (status().mode() & FileStatus.TYPE) == FileStatus.FIFO;
    }

    /** Whether reads and writes could do without a cache ({@code FMODE_CAN_ODIRECT}). */
    public boolean mayBeDirect() {
        return isMappable();
    }

    /** Returns which operations would not wait. */
    public int ready() {
        return READABLE | WRITABLE;
    }

    /** Returns the events of {@code ppoll}: most kinds of files report readiness by two flags. */
    public int polled() {
        int ready = ready();
        return ready
                | ((ready & READABLE) != 0 ? READABLE_NORMAL : 0)
                | ((ready & WRITABLE) != 0 ? WRITABLE_NORMAL : 0);
    }

    /** Returns the threads that wait for a change of {@link #ready}; null if that is constant. */
    public @Nullable WaitList waiters() {
        return null;
    }

    /** Returns the file that an {@code mmap} of this maps; null if it cannot be mapped. */
    @Nullable
    Backing backing() {
        return null;
    }

    /** Whether {@link #backing} is there: this is a file of bytes at offsets. */
    public final boolean isMappable() {
        return backing() != null;
    }

    /** Returns what {@code mmap} is given for this: it has the rights of this open, and is the same each time. */
    public final Backing mapped() {
        Backing known = mapped;
        if (known == null) {
            synchronized (this) {
                known = mapped;
                if (known == null) {
                    known = newMapped();
                    mapped = known;
                }
            }
        }
        return known;
    }

    private Backing newMapped() {
        Backing file = backing();
        return file != null && file.readable() == mayRead() && file.writable() == mayWrite()
                ? file
                : new MappedOpen(this, file, isZero());
    }

    /** Whether memory of this may be executed: never of a file without a name ({@code path_noexec}). */
    boolean mayExecute() {
        return hasPath();
    }

    /** Whether this is {@code /dev/zero}, of which memory can be mapped. */
    boolean isZero() {
        return false;
    }

    /**
     * Opens the file behind this again, as by its link in {@code /proc/self/fd}: with other flags and a position of its
     * own. What has nothing of the kind is the same open.
     *
     * @param changed bits of {@link OpenFlags}
     * @return the new open; null if the file cannot be opened in that way
     */
    public @Nullable GuestFile reopened(int changed) {
        int access = changed & OpenFlags.ACCESS;
        if ((access != OpenFlags.WRONLY && !mayRead()) || (access != OpenFlags.RDONLY && !mayWrite())) {
            return null;
        }
        retain();
        return this;
    }

    /** Whether a write takes bytes that it never looks at, so that they need not be there. */
    public boolean dropsBytes() {
        return false;
    }

    /** Returns the name by which a file of the host was opened; null for what has none. */
    public @Nullable OpenedName openedName() {
        return null;
    }

    /** Whether a path led to this: it has, or had, a name in a file system that the guest sees. */
    public boolean hasPath() {
        return true;
    }

    /**
     * Whether this is of no file system: it belongs to user 0, and its attributes cannot be changed ({@code
     * anon_inode_setattr}).
     */
    public boolean isAnonymous() {
        return false;
    }

    public boolean isTerminal() {
        return false;
    }
}
