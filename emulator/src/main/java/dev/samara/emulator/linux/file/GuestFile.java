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
 * An open file ({@code struct file}), to which descriptors refer. Descriptors of several processes may share it, so it
 * counts its users. An operation that a kind of file does not support fails with the same error as on Linux.
 */
public abstract class GuestFile {
    public static final int READABLE = 1;
    public static final int PRIORITY = 2;
    public static final int WRITABLE = 4;
    public static final int FAILED = 8;
    public static final int HUNG_UP = 16;

    /** The least value of {@link #largestSize} ({@code MAX_NON_LFS}). */
    public static final long LEAST_LARGEST = Integer.MAX_VALUE;

    /** The block size of {@code /proc} in bytes ({@code proc_fill_super}). */
    static final int BLOCK_OF_PROC = 1024;

    private static final int READABLE_NORMAL = 0x40;
    private static final int WRITABLE_NORMAL = 0x100;

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
     * Created by the first {@code mmap}.
     *
     * @written the first thread that maps the file, holding the monitor (volatile)
     * @read any thread (volatile)
     * @invariant does not change once it is set
     */
    private volatile @Nullable Backing mapped;

    /**
     * The credentials of the thread that opened this file; null if they do not matter. Set before this file is shared.
     */
    private @Nullable Object opener;

    /** Whether the open created the file. Set before this object is shared. */
    private boolean isNew;

    /**
     * The bits of {@link OpenFlags}. Any thread may change those that {@code F_SETFL} sets.
     *
     * @words {@code flags}, {@code name}, {@code isEnding}, {@code rights} of {@code GuestFile}, {@code WorkingFolder},
     *     {@code GuestSystem}, {@code Pipe}
     * @written any thread (volatile)
     * @read any thread (volatile)
     * @invariant {@code isEnding} stays set; a thread that adds a process checks it afterwards
     */
    private volatile int flags;

    GuestFile(String path, int flags) {
        this.path = path;
        this.flags = flags;
    }

    /** Returns the path. For a host file it is the present path, which follows renames. */
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

    /** Sets the credentials of the thread that opens this file, before the file has a descriptor ({@code f_cred}). */
    public final void openedWith(Object credentials) {
        if (opener == null) {
            opener = credentials;
        }
    }

    /** Whether the thread that opened this file had these credentials, or its credentials do not matter. */
    public final boolean isOpenedWith(Object credentials) {
        return opener == null || opener == credentials;
    }

    /** Records that the open created the file. Called before this object has a descriptor. */
    public final void noteNew() {
        isNew = true;
    }

    /** Whether the open created the file ({@code FMODE_CREATED}). */
    public final boolean isNew() {
        return isNew;
    }

    /**
     * Counts this file before it gets its first descriptor. Returns false if the guest has too many open files
     * (ENFILE).
     */
    public final synchronized boolean countIn(OpenFileCount files) {
        boolean isCounted = counted != null || files.add();
        if (isCounted) {
            counted = files;
        }
        return isCounted;
    }

    /** Makes the last close release the locks that this open file owns. Called before the first lock is taken. */
    public final void keepLocks(FileLocks taken) {
        locks = taken;
    }

    /** Returns the key of this file for locks, which does not depend on its name. */
    public final FileLocks.FileKey lockKey() {
        FileStatus found = status();
        return new FileLocks.FileKey(found.device(), found.inode());
    }

    /** Closes the file. Called when its last user has released it. */
    void close() {}

    /** Reads at the position of this file; may wait. Returns EBADF if this file is not open for reading. */
    public long read(FileThread thread, ByteBuffer target) {
        return LinuxErrno.EBADF;
    }

    /**
     * Reads at the position of this file as {@link #read} does, but consumes only the bytes that the target accepts.
     *
     * @param length the maximum number of bytes
     * @return the number of bytes, or an error; EFAULT if there are bytes, but the target accepts none
     */
    public long readTo(FileThread thread, int length, ReadTarget target) {
        byte[] bytes = new byte[length];
        long read = read(thread, ByteBuffer.wrap(bytes));
        return read <= 0 ? read : taken(target.put(bytes, (int) read));
    }

    /** Whether bytes can be read or written at all. If not, each read and write is EINVAL, at any address. */
    public boolean hasBytes() {
        return true;
    }

    /** Whether this is an end of a pipe, which stores its bytes in pages. */
    public boolean isPipe() {
        return false;
    }

    /** Whether this file supports reads and writes at an offset. If not, {@code pread} is always ESPIPE. */
    public boolean hasOffsets() {
        return true;
    }

    /**
     * Whether this kind of file supports {@code pwrite}, regardless of the access mode ({@code FMODE_PWRITE}). If not,
     * {@code pwrite} is ESPIPE.
     */
    public boolean takesWritesAt() {
        return hasOffsets();
    }

    /** Whether offsets are addresses, so that offsets with the highest bit set are valid. */
    public boolean hasUnsignedOffsets() {
        return false;
    }

    /** Whether each part of a vector is a separate write. */
    public boolean writesParts() {
        return false;
    }

    /** Returns the result of a read whose target accepted {@code bytes} bytes. */
    static long taken(int bytes) {
        return bytes == 0 ? LinuxErrno.EFAULT : bytes;
    }

    /** Writes at the position of this file; may wait. Returns EBADF if this file is not open for writing. */
    public long write(FileThread thread, ByteBuffer source) {
        return LinuxErrno.EBADF;
    }

    /**
     * Writes at the position of this file as {@link #write} does.
     *
     * @param length the number of bytes; except for a pipe, at most the size of an array
     * @return the number of bytes, or an error; EFAULT if no byte of the source is accessible
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
     * Called after a write to this file, without any of its locks. Updates the file's times, and clears its set-user-ID
     * and set-group-ID bits unless the thread may keep them.
     */
    public void written(FileThread thread) {}

    /** Records that the guest requested bytes, whether or not there were any ({@code file_accessed}). */
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
     * Returns the largest size of this file: no position or size may be greater. It is at least {@link #LEAST_LARGEST}.
     * So a caller that stays below that need not call this method, which may take several calls of the host.
     */
    public long largestSize() {
        return Long.MAX_VALUE;
    }

    /** Extends the file to at least {@code length} bytes. */
    public long grow(long length) {
        return length > status().size() ? truncate(length) : 0;
    }

    /** Sets bytes of the file to zero, and frees the space that they take if the host supports this. */
    public long punch(long offset, long length) {
        return LinuxErrno.EOPNOTSUPP;
    }

    /** Whether this counts as a regular file, even if the type in its status differs. */
    public boolean isRegular() {
        return (status().mode() & FileStatus.TYPE) == FileStatus.REGULAR;
    }

    public long sync() {
        return LinuxErrno.EINVAL;
    }

    public abstract FileStatus status();

    /** The result of {@link #available} for a file that does not support it. */
    public static final long UNTOLD = Long.MIN_VALUE;

    /**
     * Returns how many bytes could be read now ({@code FIONREAD}), or {@link #UNTOLD}. The number is negative if the
     * position is beyond the end.
     */
    public long available() {
        return UNTOLD;
    }

    /** Returns the block size of the file system in bytes ({@code s_blocksize}). */
    public int blockSize() {
        return FileStatus.BLOCK;
    }

    /** Returns the error of an {@code ioctl} request that this file does not support. */
    public long unknownRequest() {
        return LinuxErrno.ENOTTY;
    }

    /**
     * Whether this kind of file can send a signal to its owner when it becomes ready ({@code fasync}). A guest cannot
     * set the owner.
     */
    public boolean sendsSignals() {
        return isTerminal() || (status().mode() & FileStatus.TYPE) == FileStatus.FIFO;
    }

    /** Whether reads and writes could bypass the page cache ({@code FMODE_CAN_ODIRECT}). */
    public boolean mayBeDirect() {
        return isMappable();
    }

    /** Returns which operations would not wait. */
    public int ready() {
        return READABLE | WRITABLE;
    }

    /**
     * Returns the events of {@code ppoll}. Most kinds of files report readiness with two flags each, e.g. POLLIN and
     * POLLRDNORM.
     */
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

    /** Returns the file that an {@code mmap} of this file maps; null if this file cannot be mapped. */
    @Nullable
    Backing backing() {
        return null;
    }

    /** Whether {@link #backing} is not null, i.e. this file has bytes at offsets. */
    public final boolean isMappable() {
        return backing() != null;
    }

    /** Whether {@code sendfile} can read this file ({@code splice_read}). */
    public boolean isSendable() {
        return isMappable();
    }

    /** Whether {@code sendfile} can write this file ({@code splice_write}). */
    public boolean takesSent() {
        return true;
    }

    /**
     * Returns the backing that is passed to {@code mmap} for this file. It has the access mode of this open, and is the
     * same object each time.
     */
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

    /**
     * Whether mappings of this file may be executable, which those of a file without a name never are ({@code
     * path_noexec}).
     */
    boolean mayExecute() {
        return hasPath();
    }

    /** Whether this is {@code /dev/zero}, which can be mapped. */
    boolean isZero() {
        return false;
    }

    /**
     * Opens the underlying file again, with other flags and its own position, as an open of the link in {@code
     * /proc/self/fd} does. A file that has neither is not opened again, but shared.
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

    /** Whether a write discards its bytes without reading them, so that they need not be accessible. */
    public boolean dropsBytes() {
        return false;
    }

    /** Returns the name by which a host file was opened; null for any other file. */
    public @Nullable OpenedName openedName() {
        return null;
    }

    /** Whether the file has, or had, a path in a file system that the guest sees. */
    public boolean hasPath() {
        return true;
    }

    /**
     * Whether this is an anonymous inode, which belongs to user 0, and whose attributes cannot be changed ({@code
     * anon_inode_setattr}).
     */
    public boolean isAnonymous() {
        return false;
    }

    public boolean isTerminal() {
        return false;
    }
}
