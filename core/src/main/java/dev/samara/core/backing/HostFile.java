// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.backing;

import dev.samara.core.internal.hostfile.OpenHostFile;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.PageCache;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.List;

/**
 * One open of a host file, created by {@code Machine.openFile}. It can be mapped, shared or private, any number of
 * times, into any space of the machine whose geometry has the page size of the file.
 *
 * <p><b>Pages.</b> All opens by path of one file in a machine share one page cache. The file is identified by its file
 * key, or by its real path if the file system has no keys. Opens of one {@code FileChannel} also share one page cache,
 * but not the one of the path or of another channel. A page is read at the first access to it; if the accesses are
 * sequential, following pages are read ahead. The bytes after the end of the file in its last page are zeros until they
 * are written through a mapping; they are never written to the file, and are zeros again when it grows, as on {@code
 * ext4} (a {@code MemoryFile} keeps them, as {@code tmpfs} does). Reads, writes, truncations and holes of this class,
 * and accesses through mappings, see each other immediately. Other programs see written bytes only after they are
 * written back.
 *
 * <p><b>Saving.</b> {@link #fsync()}, {@code msync} with {@code MS_SYNC} (for its range) and the close of the machine
 * write the dirty pages and force the file to its device before they return. So does a {@link #close} that ends the
 * last use of the file, unless another thread is already closing the file; then that thread saves it. If a mapping is
 * the last use, one of the machine's threads saves the file after the {@code munmap}. With {@code
 * MachineBuilder.forceOnClose(false)}, closes and the close of the machine write the pages, but do not force them. A
 * close forces nothing if this machine has not changed the bytes or the size of the file, not even the entry of a file
 * that it has created; {@link #fsync} forces that, too.
 * Reads of other pages do not wait for a save. A page stays mapped during its write, and a concurrent store makes it
 * dirty again. With the memory of {@code MachineBuilder.memory}, each aligned number is written with a value that it
 * had at some instant of the call; the page as a whole may mix several instants. If the JVM ends before the machine is
 * closed, everything written since the last save is lost. If the host fails, pages that were being written are on the
 * device completely, in part or not at all.
 *
 * <p><b>Dirty pages.</b> They are also written, but not forced, periodically, and when too much of the cache is dirty:
 * see {@code writeBackEvery} and {@code dirtyRatio} of {@code MachineBuilder}. A {@link #pwrite}, an {@link #append}
 * and a store that makes a clean page of a shared mapping dirty, may wait for one of these writes.
 *
 * <p><b>Options.</b> {@link PageHooks} check the pages that are read, and may hold dirty pages back; with {@link
 * HostFileOption#NO_STEAL} dirty pages are written only when a call requests it; {@link HostFileOption#EXLOCK} and
 * {@link HostFileOption#SHLOCK} lock the file against other processes.
 *
 * <p><b>Errors.</b> If a page cannot be read, that access is a SIGBUS, and the next access retries the read. A page
 * that cannot be written stays dirty and is written by the next save, unlike on Linux. Each open reports a failure
 * once, by its next {@code fsync}, {@code msync} with {@code MS_SYNC}, or {@link #syncRange} that waits. As on Linux,
 * an open that was made after a failure reports it, too, if no other open has reported it yet. If a force fails, the
 * pages that were written for it become dirty again, if they are still in memory. {@code
 * MachineBuilder.dropFailedWrites} selects Linux's behaviour. An interrupt of a thread has no effect on the file: it
 * ends only a long {@link #punch}, no access to a mapping fails because of it, and the flag stays set.
 *
 * <p><b>Other programs.</b> If another program shrinks the file, the machine detects that at the next open of its path,
 * at each call of this class that changes the file, at a {@link #pread} that the end of the file cuts short, and when a
 * page beyond the new end is read into memory or written. From then on, accesses to pages beyond the new end are a
 * SIGBUS, bytes stored there are lost, and only a call that changes the file makes it longer again. (The JDK has no
 * write that depends on the file's size, so pages that are being written at that instant may be written beyond the new
 * end.) If another program grows the file, the machine detects that at the next open of its path, at each call that
 * changes the file, at a {@link #pread} that the known end cuts short, and at an access to a page beyond the known end,
 * but not at an access to the last page or by {@link #size}. If another program changes bytes of a page that is in
 * memory, the change is not seen while the page stays in memory. An open that follows the last close of the file sees
 * it; with {@code MachineBuilder.keepClosedFiles}, if the host shows the change.
 *
 * <p>An open is used by its owner, up to {@link #close}, and by each of its mappings. When the last use of the last
 * open ends, the file is saved and closed, by one of the machine's threads or by the thread that closes it. If that
 * fails, the failure is reported, and the dirty pages stay in memory: the next open of the file uses them, and the next
 * periodic write that can save them closes the file. A page that is still pinned for writing at that time is not saved.
 * Thread-safe.
 */
public abstract sealed class HostFile implements Backing, AutoCloseable permits OpenHostFile {
    /** Only for the library. */
    protected HostFile() {}

    /**
     * Returns the size of the file, as known to the machine; see {@link #revalidate}.
     *
     * @return bytes
     */
    public abstract long size();

    /**
     * Reads bytes into the remaining bytes of a buffer, up to the end of the file. A read that the known end cuts short
     * checks the size of the host's file; a read that fills the buffer does not. The position of the buffer advances by
     * the number of bytes read; the bytes after these may also have changed.
     *
     * <p>Pages in memory are used. If 64 KiB or more of adjacent bytes are not in memory, the file was opened by path,
     * and it has no {@link PageHooks}, these bytes are read from the host without the page cache (as with {@code
     * RWF_DONTCACHE} on Linux): they do not enter memory, and evict no pages. They are copied once into a direct
     * buffer, and twice into a heap buffer. The host's kernel caches such bytes, so a second read needs no device
     * access, but is slower than a read from memory. All other pages, and all pages of a file that was opened as a
     * channel, are read into memory first. With {@link HostFileOption#DIRECT} no page enters memory, whatever the
     * number of bytes, unless the file has hooks.
     *
     * @param target receives the bytes; a heap or a direct buffer
     * @param offset the offset of the first byte in the file
     * @return the number of bytes read, 0 at the end of the file; if none was read, a negated errno: EIO if the page
     *     cannot be read, ENOMEM if there is no memory for it, EINVAL for a negative offset or an end beyond the
     *     largest offset, EBADF if this is closed
     * @throws java.nio.ReadOnlyBufferException if {@code target} is read-only
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    public abstract long pread(ByteBuffer target, long offset);

    /**
     * Writes the remaining bytes of a buffer to pages in memory, and grows the file if they reach beyond its end. A
     * page that is overwritten only in part is read first. Bytes beyond the end are written to the host's file
     * immediately, so if the device is full, the call writes the bytes for which there is room, and reports the full
     * device. All other bytes are written to the host's file by the next save, or earlier. With {@link PageHooks} or
     * {@link HostFileOption#NO_STEAL} this applies to all bytes; until then, the host's file contains zeros for the
     * bytes beyond the old end, which are written immediately to reserve the room. (Bytes that replace a hole also need
     * space on the device, and only the save finds out whether there is enough.) The position of the buffer advances by
     * the number of bytes written. Writes, holes and changes of the size exclude each other. With {@link
     * HostFileOption#DIRECT}, whole pages that are not in memory are written to the host instead, unless the file has
     * hooks or is NO_STEAL.
     *
     * @param source contains the bytes; a heap or a direct buffer
     * @param offset the offset of the first byte in the file
     * @return the number of bytes written; if none was written, a negated errno: EBADF if this is closed or not open
     *     for writing, EIO, ENOSPC, EFBIG or EDQUOT if the host refuses, ENOMEM if there is no memory, EINVAL for a
     *     negative offset or an end beyond the largest offset
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    public abstract long pwrite(ByteBuffer source, long offset);

    /**
     * Reads a byte, as {@link #getLong} does.
     *
     * @param offset the offset of the lowest byte in the file
     * @return the number
     * @throws IOException as {@link #getLong} does
     */
    public final byte getByte(long offset) throws IOException {
        return (byte) FileNumbers.get(this, offset, Byte.BYTES);
    }

    /**
     * Reads two bytes, as {@link #getLong} does.
     *
     * @param offset the offset of the lowest byte in the file
     * @return the number
     * @throws IOException as {@link #getLong} does
     */
    public final short getShort(long offset) throws IOException {
        return (short) FileNumbers.get(this, offset, Short.BYTES);
    }

    /**
     * Reads four bytes, as {@link #getLong} does.
     *
     * @param offset the offset of the lowest byte in the file
     * @return the number
     * @throws IOException as {@link #getLong} does
     */
    public final int getInt(long offset) throws IOException {
        return (int) FileNumbers.get(this, offset, Integer.BYTES);
    }

    /**
     * Reads eight bytes, little-endian. May be called by any thread that may wait, and needs neither a CPU nor a
     * mapping. A page that is not in memory is read first. With the memory of {@code MachineBuilder.memory}, an aligned
     * number is read atomically. Allocates a small buffer.
     *
     * @param offset the offset of the lowest byte in the file
     * @return the number
     * @throws java.io.EOFException if a byte is beyond the end of the file
     * @throws HostFileException for each error of {@link #pread}
     * @throws IOException one of these two exceptions
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    public final long getLong(long offset) throws IOException {
        return FileNumbers.get(this, offset, Long.BYTES);
    }

    /**
     * Writes a byte, as {@link #putLong} does.
     *
     * @param offset the offset of the lowest byte in the file
     * @param value the number
     * @throws IOException as {@link #putLong} does
     */
    public final void putByte(long offset, byte value) throws IOException {
        FileNumbers.put(this, offset, Byte.BYTES, value);
    }

    /**
     * Writes two bytes, as {@link #putLong} does.
     *
     * @param offset the offset of the lowest byte in the file
     * @param value the number
     * @throws IOException as {@link #putLong} does
     */
    public final void putShort(long offset, short value) throws IOException {
        FileNumbers.put(this, offset, Short.BYTES, value);
    }

    /**
     * Writes four bytes, as {@link #putLong} does.
     *
     * @param offset the offset of the lowest byte in the file
     * @param value the number
     * @throws IOException as {@link #putLong} does
     */
    public final void putInt(long offset, int value) throws IOException {
        FileNumbers.put(this, offset, Integer.BYTES, value);
    }

    /**
     * Writes eight bytes, little-endian. May be called by any thread that may wait, and needs neither a CPU nor a
     * mapping. Like each {@link #pwrite} it checks the size of the host's file, and grows the file if necessary. A
     * store through a mapping costs much less. An aligned number is written atomically, under the same condition as in
     * {@link #getLong}.
     *
     * @param offset the offset of the lowest byte in the file
     * @param value the number
     * @throws HostFileException for each error of {@link #pwrite}, even if a part of the bytes was written
     * @throws IOException such an exception
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    public final void putLong(long offset, long value) throws IOException {
        FileNumbers.put(this, offset, Long.BYTES, value);
    }

    /**
     * Writes the remaining bytes of a buffer at the end of the file, as {@link #pwrite} does ({@code O_APPEND}). The
     * end is determined atomically with the write: no other write, through any open of the file in the machine,
     * intervenes. The size of the host's file is also checked, but another program that appends at the same instant may
     * write at the same offset, because the JDK has no append by position.
     *
     * @param source contains the bytes; its position advances by the number of bytes written
     * @return the offset of the first byte in the file; if none was written, a negated errno, as for {@link #pwrite},
     *     but EFBIG if the end would be beyond the largest offset
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    public abstract long append(ByteBuffer source);

    /**
     * Grows the file with zeros to at least the given size, and never shrinks it. The size is checked and changed
     * atomically with respect to other changes in the machine. The new bytes are a hole if the file system supports
     * holes, and then take no space on the device, except for the last one: the JDK extends a file only by a write, so
     * a full device is ENOSPC, unlike {@code ftruncate} on Linux.
     *
     * @param bytes the minimum size
     * @return 0, or a negated errno: EINVAL for a negative size, EBADF if this is closed or not open for writing, or an
     *     error of the host, in which case nothing is changed
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    public abstract long grow(long bytes);

    /**
     * Changes the size ({@code ftruncate}). The pages beyond the end are also removed from every mapping, including
     * private copies. Waits for reads and writes of pages that are in progress. A page that was removed is not written.
     *
     * @param bytes the new size
     * @return 0, or a negated errno: EINVAL for a negative size or a file that is not open for writing, EBADF if this
     *     is closed, or an error of the host, in which case nothing is changed
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    public abstract long truncate(long bytes);

    /**
     * Sets bytes of the file to zeros, and frees their pages in memory ({@code FALLOC_FL_PUNCH_HOLE}), as {@code
     * MADV_REMOVE} of a shared mapping that may be written does. Private copies stay. Bytes beyond the end of the file
     * are left out, even if another program has moved the end.
     *
     * <p>The JDK has no call for holes. If the range contains the end of the file and more than 16 MiB before it, the
     * host's file is truncated and extended again, which takes constant time and frees the space on the device. Another
     * program may see the smaller size in between. If the host cannot extend the file again, the file stays smaller.
     * Any other range is read, also where it is a hole, and zeros are written over its nonzero bytes. The time of such
     * a call grows with the length, and the range takes as much space as before. The range is processed in parts of
     * about 1 MiB, and other threads may change the file between two of them. If the thread is interrupted, the call
     * returns {@code EINTR} after at least 16 MiB, and leaves the flag set.
     *
     * @param offset the offset of the first byte, not negative
     * @param length number of bytes, positive
     * @return 0, or a negated errno: EINVAL for the arguments, EFBIG for an end beyond the largest offset, EBADF if
     *     this is closed or not open for writing, EINTR, or an error of the host. After the last two, a part of the
     *     bytes may be zeros
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    public abstract long punch(long offset, long length);

    /**
     * Saves the file (a <em>checkpoint</em>): when this returns 0, the device contains the size of the file and every
     * byte that was written before the call, by stores through any mapping and by calls through any open, including
     * closed ones, and what other programs wrote before this machine's last open of the file. If the open may have
     * created the file, the first call also forces its folder, if the host lets this process open the folder. Pages
     * that are written during the call are on the device completely, in part or not at all, in no particular order; so
     * are all dirty pages if the call fails or never returns. {@code Machine.sync} saves all files that this machine
     * has changed.
     *
     * <p>Waits for CPUs that may write the pages, and for other saves of the file. Saves that wait at the same time
     * share one force.
     *
     * @return 0; EBADF, negated, if this is closed; EAGAIN, negated, if {@link PageHooks#beforeWrite} holds a page
     *     back; or the negated errno of the last failed write since this open last reported one, such as EIO or ENOSPC.
     *     A call whose own write failed never returns 0
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    public abstract long fsync();

    /**
     * Writes dirty pages of a range of the file, but does not force them ({@code sync_file_range}). As on Linux, this
     * gives no guarantee after a failure of the host: neither the bytes nor the size need be on the device. A later
     * {@link #fsync} has less to write.
     *
     * <p>With {@code SYNC_FILE_RANGE_WRITE}, the dirty pages that overlap the range are written, whichever mapping or
     * open made them dirty. The calling thread writes them: it waits for the host, for write-backs of the file that are
     * in progress, and for CPUs that may write the pages. With only {@code WAIT_BEFORE} or {@code WAIT_AFTER}, it waits
     * for write-backs in progress, of any part of the file. With either of these two flags, the call also reports a
     * failed write of the file that this open has not reported yet, as {@code fsync} does. Without {@code WAIT_AFTER},
     * a failure is reported by a later call.
     *
     * @param offset the offset of the first byte in the file
     * @param length number of bytes; 0 for all bytes up to the end of the file. Pages are written as a whole
     * @param flags {@code SYNC_FILE_RANGE_*} bits of {@link dev.samara.core.mman.Mman}; 0 does nothing
     * @return 0, or a negated errno: EBADF if this is closed; EINVAL for an unknown flag, a negative offset or length,
     *     or an end beyond the largest offset; EAGAIN, with {@code WAIT_AFTER}, if {@link PageHooks#beforeWrite} holds
     *     a page back; or the errno of the last failed write, such as EIO or ENOSPC. With {@code WAIT_BEFORE}, the
     *     errno of an earlier write ends the call before it writes
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    public abstract long syncRange(long offset, long length, int flags);

    /**
     * Returns how many pages of a range are not in memory, without reading any ({@code cachestat}, {@code mincore}). If
     * the result is 0, a read of these bytes by a call or a load through a mapping needs no read from the host, so it
     * does not wait for the host. Other threads may free or read pages at any time, so the result reflects a different
     * instant for each page. Locked and pinned pages stay. A store may have to wait even if its page is in memory: see
     * <b>Dirty pages</b> above.
     *
     * <p>Takes no lock, and may be called in GUEST. After the close, all pages may be missing.
     *
     * @param offset the offset of the first byte in the file
     * @param length number of bytes; bytes beyond the end of the file have no page
     * @return the number of pages; EINVAL, negated, for a negative offset or length, or an end beyond the largest
     *     offset
     */
    public abstract long absentPages(long offset, long length);

    /**
     * A range of a file whose pages are dirty.
     *
     * @param start offset of the first byte, a multiple of the page size
     * @param end exclusive: a multiple of the page size, or the size of the file
     */
    public record DirtyRange(long start, long end) {}

    /**
     * Lists the dirty pages of a range, i.e. pages that were written through a mapping or by a call, and not written
     * back to the host since. Each page was dirty at some instant of the call; pages that become dirty during the call
     * may be missing. Neither changes nor forces any page, and does not show whether a page is on the device: a page
     * that was written back but not forced is clean. Waits for write-backs and changes of the file that are in
     * progress.
     *
     * @param offset the offset of the first byte in the file, not negative
     * @param length number of bytes, not negative
     * @return ranges in ascending order, with clean bytes between them; empty if this is closed
     * @throws IllegalArgumentException for a negative offset or length
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    public abstract List<DirtyRange> dirtyRanges(long offset, long length);

    /**
     * Announces how a range will be used ({@code posix_fadvise}).
     *
     * <ul>
     *   <li>{@code POSIX_FADV_WILLNEED} starts to read the pages, as {@code madvise} does, and does not wait. Reads at
     *       most half as many pages as may be in memory; an open has at most 16 such reads in progress. Pages in memory
     *       stay.
     *   <li>{@code POSIX_FADV_DONTNEED} frees the clean pages that are completely in the range, mapped or not; a later
     *       load through a mapping reads its page again. Dirty, locked and pinned pages stay; call {@link #syncRange}
     *       first to clean dirty pages. Linux also keeps mapped pages. Waits for changes of the file and for CPUs that
     *       use the pages.
     *   <li>{@code POSIX_FADV_NORMAL}, {@code POSIX_FADV_SEQUENTIAL} and {@code POSIX_FADV_RANDOM} apply to all reads
     *       by calls of this open and by faults in its mappings; the advice of a mapping takes precedence. The range is
     *       ignored.
     *   <li>{@code POSIX_FADV_NOREUSE} does nothing.
     * </ul>
     *
     * @param offset the offset of the first byte in the file
     * @param length number of bytes; 0 for all bytes up to the end of the file
     * @param advice one of the {@code POSIX_FADV_*} values of {@link dev.samara.core.mman.Mman}
     * @return 0, or a negated errno: EBADF if this is closed, EINVAL for an unknown advice, or a negative offset or
     *     length
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    public abstract long fadvise(long offset, long length, int advice);

    /**
     * Announces how several ranges will be used, in one call: follows the advice for each range in the order of the
     * arrays, as {@link #fadvise(long, long, int)} does. All ranges are checked before the first one is followed.
     *
     * <p>{@code POSIX_FADV_WILLNEED} reads all ranges in this order as one of the at most 16 reads in progress, and in
     * all at most half as many pages as may be in memory. A range that continues the previous one is read together with
     * it. A page that cannot be read ends the read of its range only.
     *
     * @param offsets the offset of each range's first byte in the file; may be changed once this returns
     * @param lengths number of bytes of each range; 0 for all bytes up to the end of the file
     * @param count the number of ranges
     * @param advice one of the {@code POSIX_FADV_*} values of {@link dev.samara.core.mman.Mman}
     * @return 0, or a negated errno: EBADF if this is closed, EINVAL for an unknown advice, a negative offset or length,
     *     or a count that is negative or above 1,024, EFAULT if an array is shorter than the count
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    public abstract long fadvise(long[] offsets, long[] lengths, int count, int advice);

    /**
     * Updates the known size to the size of the host file, which another program may have changed. Only {@link #size}
     * before and after the call shows whether it did; a change of bytes within the size is not detected.
     *
     * @return 0, whether or not the size has changed, or a negated errno of the host; EBADF if this is closed
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    public abstract long revalidate();

    /**
     * Returns this open as a channel, for code that expects one, and for callers that prefer exceptions. A failed call
     * throws a {@link HostFileException}, which contains the path, the call, its range and its errno. Reads, writes,
     * {@code truncate}, {@code size} and {@code force} are the calls of this class; {@code force} is {@link #fsync}
     * whatever its argument, and {@code size} checks the host file first. Each channel has its own position, which
     * starts at 0; its reads and writes at this position exclude each other. To append, open the file and use {@link
     * #append}.
     *
     * <p>An interrupt does not close such a channel. {@code map} throws {@link UnsupportedOperationException}. A {@code
     * transferFrom} beyond the end grows the file, as in JDK 25; in JDK 17 it transfers nothing. If a gathering write,
     * a scattering read or a transfer fails after its first bytes, it returns the number of these bytes, and the next
     * call throws. Calls check in the order of the JDK's channels: closed, the rights of the channels, the arguments.
     *
     * <p>{@code lock} and {@code tryLock} lock a range against other processes and other code of the JVM, as those of
     * the JDK's channels do; a size of 0 extends to the largest offset. A lock ends with its release, the close of its
     * channel, or the last use of the file. {@code lock} waits for other processes by retrying, and throws {@link
     * java.nio.channels.FileLockInterruptionException} after an interrupt. From the first lock on, later opens share
     * the descriptor as with {@link HostFileOption#EXLOCK}, until the file's last use; the first lock throws a {@link
     * HostFileException} with EBUSY while another machine of the process has the file open. If the file was opened with
     * EXLOCK, the machine already excludes other processes: a lock is acquired without the host, and only checked
     * against other locks of the machine. With {@link HostFileOption#SHLOCK} this applies to shared locks, and an
     * exclusive lock throws {@link java.nio.channels.OverlappingFileLockException}. Files of buffers have no locks
     * ({@link UnsupportedOperationException}).
     *
     * <p>Closing a channel closes this open. If that throws because a CPU of the thread is in GUEST, the channel is
     * closed but this open is not, and must be closed outside of GUEST. Closing this open does not close its channels,
     * but their reads, writes, forces and changes of the size throw {@link java.nio.channels.ClosedChannelException}
     * from then on. The calls of a channel wait, and throw {@link IllegalStateException}, like the calls of this class.
     *
     * @return a channel with its own position
     */
    public abstract FileChannel channel();

    /** A period during which the file cannot be opened for writing. It counts as a use of the open that started it. */
    public interface WriteDenial extends AutoCloseable {
        /**
         * Ends the denial. A second call does nothing. May save the file, like {@link HostFile#close}.
         *
         * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code
         *     rcuMapPages}
         */
        @Override
        void close();
    }

    /**
     * Denies opens of the file for writing ({@code deny_write_access}), as Linux does for the executable of a running
     * program: {@code Machine.openFile} for writing fails with ETXTBSY until the denial is closed. Several denials may
     * be in force. Other programs of the host are not affected.
     *
     * @return the denial
     * @throws dev.samara.core.mman.MmException ETXTBSY if an open of the file for writing is in use in the machine, by
     *     its owner or by a mapping; EBADF if this is closed
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    public abstract WriteDenial denyWrites();

    /**
     * Ends the owner's use of this open. A call in progress on another thread completes, and the file stays open until
     * then. Mappings stay, and can be split, moved and forked. Once the last mapping is removed, new mappings fail with
     * EBADF. A second call does nothing. May save the file, or only write it; see {@code MachineBuilder.forceOnClose}.
     *
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    @Override
    public abstract void close();

    /**
     * Returns the page cache of the file, which all its opens share. The size must be changed by the methods of this
     * class, not by the methods of the cache: a change of the cache alone does not reach the host file, and a removal
     * of dirty pages from it loses their contents.
     *
     * @return the page cache
     */
    @Override
    public abstract PageCache pageCache();

    @Override
    public final String toString() {
        return name();
    }
}
