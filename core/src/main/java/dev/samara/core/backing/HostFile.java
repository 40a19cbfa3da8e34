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
 * One open of a file of the host, made by {@code Machine.openFile}. It can be mapped into any space of the machine with
 * the page size of its geometry, shared or private, any number of times.
 *
 * <p><b>Pages.</b> All opens by path of one file in a machine share one page cache. The file is known by its file key,
 * or by its real path where the file system has no keys. Opens of one {@code FileChannel} share a page cache too, but
 * not with opens of the path or of another channel. A page is read at the first access to it, and pages after it with
 * it if the accesses are sequential. The bytes after the end of the file in its last page are zeros until they are
 * written through a mapping; they are never written to the file, and are zeros again when it grows, as on {@code ext4}
 * (a {@code MemoryFile} keeps them, as {@code tmpfs} does). Reads, writes, truncations and holes of this class, and
 * accesses through mappings, see each other at once. Other programs see what was written when it has been written back.
 *
 * <p><b>Saving.</b> {@link #fsync()}, {@code msync} with {@code MS_SYNC} (for its range) and the end of the machine
 * write the dirty pages and force the file to its device before they return. So does a {@link #close} that ends the
 * last use of the file, unless another thread is closing the file already: then that thread saves it. If a mapping is
 * the last use, a thread of the machine saves the file after the {@code munmap}. Closes and the end of the machine only
 * write with {@code MachineBuilder.forceOnClose(false)}. Reads of other pages do not wait for a save. A page stays
 * mapped during its write, and a concurrent store makes it dirty again. With the memory of {@code
 * MachineBuilder.memory}, each aligned number is written as it was at some instant of the call; the page as a whole
 * need not be. If the JVM ends in any other way, everything written since the last save is lost. If the machine of the
 * host fails, pages that were being written are on the device as a whole, in part or not at all.
 *
 * <p><b>Dirty pages.</b> They are also written, and not forced, from time to time, and where too much of the cache is
 * dirty: see {@code writeBackEvery} and {@code dirtyRatio} of {@code MachineBuilder}. A {@link #pwrite}, an
 * {@link #append} and a store that makes a clean page of a shared mapping dirty may wait for that.
 *
 * <p><b>Options.</b> {@link PageHooks} check the pages that are read, and may hold dirty pages back; {@link
 * HostFileOption#NO_STEAL} has them written only when a call asks for it; {@link HostFileOption#EXLOCK} and {@link
 * HostFileOption#SHLOCK} lock the file against other processes.
 *
 * <p><b>Errors.</b> A page that cannot be read is a SIGBUS for that access, and the next access reads again. A page
 * that cannot be written stays dirty and is written by the next save, unlike on Linux. Each open is told once of a
 * failure, by its next {@code fsync}, {@code msync} with {@code MS_SYNC}, or {@link #syncRange} that waits. If a force
 * fails, the pages that were written for it are dirty again, as far as they are in memory. {@code
 * MachineBuilder.dropFailedWrites} has Linux's way. An interrupt of a thread has no effect on the file.
 *
 * <p><b>Other programs.</b> If another program makes the file shorter, that is found by the next open of its path, by
 * each call of this class that changes the file, by a {@link #pread} that the end of the file cuts short, and when a
 * page beyond the new end is read into memory or written. The pages beyond the new end are a SIGBUS then, what was
 * stored there is lost, and nothing but such a call makes the file longer again. (The JDK cannot write only if a file
 * has some size: pages that are being written at that instant may be written beyond the new end.) If another program
 * makes it longer, that is found by the next open of its path, by each call that changes the file, by a {@link #pread}
 * that the known end cuts short, and by an access to a page beyond that, but not by an access to the last page or by
 * {@link #size}. Bytes that another program changes in a page in memory are not seen while the page stays there.
 *
 * <p>An open is used by its owner, up to {@link #close}, and by each of its mappings. When the last use of the last
 * open ends, the file is saved and closed, on a thread of the machine or on that of the close. If that fails, it is
 * reported, and the written pages stay in memory: the next open of the file has them, and the next periodic write that
 * can save them closes the file. A page that is pinned for writing beyond that is not saved. Thread-safe.
 */
public abstract sealed class HostFile implements Backing, AutoCloseable permits OpenHostFile {
    /** Only for the library. */
    protected HostFile() {}

    /**
     * Returns the size of the file, as far as the machine knows it: see {@link #revalidate}.
     *
     * @return bytes
     */
    public abstract long size();

    /**
     * Reads bytes into the remaining bytes of a buffer, up to the end of the file. A read that the known end cuts short
     * asks the host for the size; one that fills the buffer does not. The position of the buffer advances by the number
     * of read bytes; the bytes after these may have changed, too.
     *
     * <p>Pages in memory are used. Of the others, 64 KiB or more side by side are read from the host without the page
     * cache, if the file was opened by path and has no {@link PageHooks} (as with {@code RWF_DONTCACHE} on Linux): they
     * do not come into memory, and evict nothing. They are copied once into a direct buffer, and twice into a heap
     * buffer. The kernel of the host keeps such bytes, so a second read asks no device; it is slower than one from
     * memory. All other pages are read into memory first, and those of a file that was opened as a channel always. With
     * {@link HostFileOption#DIRECT} no page comes into memory, whatever the number of bytes, unless the file has hooks.
     *
     * @param target receives the bytes; a heap or a direct buffer
     * @param offset of the first byte in the file
     * @return the number of read bytes, 0 at the end of the file; if none was read, a negated errno: EIO if the page
     *     cannot be read, ENOMEM if there is no memory for it, EINVAL for a negative offset or an end beyond the
     *     largest offset, EBADF if this is closed
     * @throws java.nio.ReadOnlyBufferException if {@code target} is read-only
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    public abstract long pread(ByteBuffer target, long offset);

    /**
     * Writes the remaining bytes of a buffer to pages in memory, and makes the file larger if they reach beyond its
     * end. A page that is overwritten in part is read first. Bytes beyond the end are written to the host's file
     * immediately, so the call reports a full device, after the bytes for which there was room. All other bytes are
     * written to it by the next save, or before; with {@link PageHooks} or {@link HostFileOption#NO_STEAL} all bytes
     * are, and those beyond the end are zeros there before that. (Bytes that replace a hole need space on the device
     * too, and whether there is some is only known at the save.) The position of the buffer advances by the number of
     * written bytes. Writes, holes and changes of the size run one at a time. With {@link HostFileOption#DIRECT}, whole
     * pages that are not in memory are written to the host instead, unless the file has hooks or is NO_STEAL.
     *
     * @param source has the bytes; a heap or a direct buffer
     * @param offset of the first byte in the file
     * @return the number of written bytes; if none was written, a negated errno: EBADF if this is closed or not open
     *     for writing, EIO, ENOSPC, EFBIG or EDQUOT if the host refuses, ENOMEM if there is no memory, EINVAL for a
     *     negative offset or an end beyond the largest offset
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    public abstract long pwrite(ByteBuffer source, long offset);

    /**
     * Reads a byte, as {@link #getLong} does.
     *
     * @param offset of the lowest byte in the file
     * @return the number
     * @throws IOException as {@link #getLong}
     */
    public final byte getByte(long offset) throws IOException {
        return (byte) FileNumbers.get(this, offset, Byte.BYTES);
    }

    /**
     * Reads two bytes, as {@link #getLong} does.
     *
     * @param offset of the lowest byte in the file
     * @return the number
     * @throws IOException as {@link #getLong}
     */
    public final short getShort(long offset) throws IOException {
        return (short) FileNumbers.get(this, offset, Short.BYTES);
    }

    /**
     * Reads four bytes, as {@link #getLong} does.
     *
     * @param offset of the lowest byte in the file
     * @return the number
     * @throws IOException as {@link #getLong}
     */
    public final int getInt(long offset) throws IOException {
        return (int) FileNumbers.get(this, offset, Integer.BYTES);
    }

    /**
     * Reads eight bytes, little-endian, on any thread that may wait: it needs no CPU and no mapping. A page that is in
     * memory is used, and another one is read first. An aligned number is read as it was at some instant, with the
     * memory of {@code MachineBuilder.memory}. Allocates a small buffer.
     *
     * @param offset of the lowest byte in the file
     * @return the number
     * @throws java.io.EOFException if a byte lies beyond the end of the file
     * @throws HostFileException for each error of {@link #pread}
     * @throws IOException one of these two
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    public final long getLong(long offset) throws IOException {
        return FileNumbers.get(this, offset, Long.BYTES);
    }

    /**
     * Writes a byte, as {@link #putLong} does.
     *
     * @param offset of the lowest byte in the file
     * @param value the number
     * @throws IOException as {@link #putLong}
     */
    public final void putByte(long offset, byte value) throws IOException {
        FileNumbers.put(this, offset, Byte.BYTES, value);
    }

    /**
     * Writes two bytes, as {@link #putLong} does.
     *
     * @param offset of the lowest byte in the file
     * @param value the number
     * @throws IOException as {@link #putLong}
     */
    public final void putShort(long offset, short value) throws IOException {
        FileNumbers.put(this, offset, Short.BYTES, value);
    }

    /**
     * Writes four bytes, as {@link #putLong} does.
     *
     * @param offset of the lowest byte in the file
     * @param value the number
     * @throws IOException as {@link #putLong}
     */
    public final void putInt(long offset, int value) throws IOException {
        FileNumbers.put(this, offset, Integer.BYTES, value);
    }

    /**
     * Writes eight bytes, little-endian, on any thread that may wait: it needs no CPU and no mapping. Like each {@link
     * #pwrite} it looks at the size of the host's file, and makes the file larger if it has to. A store through a
     * mapping costs much less. An aligned number is written at some instant, as a read of {@link #getLong}.
     *
     * @param offset of the lowest byte in the file
     * @param value the number
     * @throws HostFileException for each error of {@link #pwrite}, also after a part of the bytes was written
     * @throws IOException such an exception
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    public final void putLong(long offset, long value) throws IOException {
        FileNumbers.put(this, offset, Long.BYTES, value);
    }

    /**
     * Writes the remaining bytes of a buffer at the end of the file, as {@link #pwrite} does ({@code O_APPEND}). The
     * end is that of this instant: no other write, by any open of the file in the machine, comes between the look and
     * the write. The size of the host's file is looked at as well, but another program that appends at the same instant
     * may write to the same place: the JDK has no append by position.
     *
     * @param source has the bytes; its position advances by the number of written ones
     * @return the offset of the first byte in the file; if none was written, a negated errno, as for {@link #pwrite},
     *     but EFBIG if the end would lie beyond the largest offset
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    public abstract long append(ByteBuffer source);

    /**
     * Makes the file at least as large as that, with zeros, and never smaller. No other change of the size in the
     * machine comes between the look at the size and the change. The new bytes are a hole where the file system has
     * holes: they take no space on the device.
     *
     * @param bytes the least size
     * @return 0, or a negated errno: EINVAL for a negative size, EBADF if this is closed or not open for writing, or an
     *     error of the host, which has changed nothing
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    public abstract long grow(long bytes);

    /**
     * Changes the size ({@code ftruncate}). The pages beyond the end are removed from every mapping too, private copies
     * included. Waits for reads and writes of pages that are under way. A page that was removed is not written.
     *
     * @param bytes the new size
     * @return 0, or a negated errno: EINVAL for a negative size or a file that is not open for writing, EBADF if this
     *     is closed, or an error of the host, which has changed nothing
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    public abstract long truncate(long bytes);

    /**
     * Makes bytes of the file zeros, and frees their pages in memory ({@code FALLOC_FL_PUNCH_HOLE}), as {@code
     * MADV_REMOVE} of a shared mapping that may be written does. Private copies stay. The host's file gets zeros where
     * it has others, and they take as much space on its device as before: the JDK has no call for holes. Bytes beyond
     * the end of the file are left out, also if another program has moved it.
     *
     * @param offset of the first byte, not negative
     * @param length number of bytes, positive
     * @return 0, or a negated errno: EINVAL for the arguments, EFBIG for an end beyond the largest offset, EBADF if
     *     this is closed or not open for writing, or an error of the host, after which a part of the bytes may be zeros
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    public abstract long punch(long offset, long length);

    /**
     * Saves the file (a <em>checkpoint</em>): when this returns 0, the device has the size of the file and every byte
     * that was written before the call, by stores through any mapping and by calls of any open, closed ones included.
     * Of what is written during the call, and of a call that fails or never returns, the device has each page as a
     * whole, in part or not at all, in no order. {@code Machine.sync} does the same for all files.
     *
     * <p>Waits for CPUs that may write the pages, and for other saves of the file: those that wait at the same time
     * share a force.
     *
     * @return 0; EBADF, negated, if this is closed; EAGAIN, negated, if {@link PageHooks#beforeWrite} holds a page
     *     back; or the negated errno of the last failed write since this open was told of one, such as EIO or ENOSPC. A
     *     call whose own write has failed never returns 0
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    public abstract long fsync();

    /**
     * Writes dirty pages of a range of the file, and does not force them ({@code sync_file_range}). This promises
     * nothing after a failure of the host, as on Linux: neither the bytes nor the size need be on the device. A later
     * {@link #fsync} has less to write.
     *
     * <p>With {@code SYNC_FILE_RANGE_WRITE} the dirty pages that the range touches are written, of all mappings and
     * opens. The calling thread writes them: it waits for the host, for write-backs of the file that are under way, and
     * for CPUs that may write the pages. With {@code WAIT_BEFORE} or {@code WAIT_AFTER} alone it waits for write-backs
     * that are under way, of any part of the file. These two flags also have the call tell a failed write of the file
     * that this open was not told of, as {@code fsync} does. A failure without {@code WAIT_AFTER} is told by a later
     * call.
     *
     * @param offset of the first byte in the file
     * @param length number of bytes; 0 for all bytes up to the end of the file. Pages are written as a whole
     * @param flags bits of {@link dev.samara.core.mman.SyncRangeFlags}; 0 does nothing
     * @return 0, or a negated errno: EBADF if this is closed; EINVAL for an unknown flag, a negative offset or length,
     *     or an end beyond the largest offset; EAGAIN, with {@code WAIT_AFTER}, if {@link PageHooks#beforeWrite} holds
     *     a page back; or that of the last failed write, such as EIO or ENOSPC. With {@code WAIT_BEFORE} that of an
     *     earlier write ends the call before it writes
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    public abstract long syncRange(long offset, long length, int flags);

    /**
     * Returns how many pages of a range are not in memory, and reads none ({@code cachestat}, {@code mincore}). If it
     * is 0, a read of these bytes by a call, and a load through a mapping, need no read from the host: they do not wait
     * for it. Other threads may free or read pages at any time, so the answer is that of some instant for each page.
     * Locked and pinned pages stay. A store may have to wait though its page is in memory: see <b>Dirty pages</b>
     * above.
     *
     * <p>Takes no lock, and may be called in GUEST. After the close, all pages may be missing.
     *
     * @param offset of the first byte in the file
     * @param length number of bytes; those beyond the end of the file have no page
     * @return the number of pages; EINVAL, negated, for a negative offset or length, or an end beyond the largest
     *     offset
     */
    public abstract long absentPages(long offset, long length);

    /**
     * Bytes of a file in dirty pages.
     *
     * @param start offset of the first byte, a multiple of the page size
     * @param end exclusive: a multiple of the page size, or the size of the file
     */
    public record DirtyRange(long start, long end) {}

    /**
     * Lists the dirty pages of a range: those that were written through a mapping or by a call, and not written back to
     * the host since. Each page was dirty at some instant of the call; pages that become dirty during the call may be
     * missing. Changes nothing, forces nothing, and says nothing about the device: a page that was written back and
     * not forced is clean. Waits for write-backs of the file and for changes of the file under way.
     *
     * @param offset of the first byte in the file, not negative
     * @param length number of bytes, not negative
     * @return ranges in ascending order, with clean bytes between them; empty for a file that is closed
     * @throws IllegalArgumentException for a negative offset or length
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    public abstract List<DirtyRange> dirtyRanges(long offset, long length);

    /**
     * Says how a range will be used ({@code posix_fadvise}).
     *
     * <ul>
     *   <li>{@code POSIX_FADV_WILLNEED} starts to read the pages, as {@code madvise} does, and does not wait: at most
     *       half as many as may be in memory, and 16 such reads of an open at a time. Pages in memory stay.
     *   <li>{@code POSIX_FADV_DONTNEED} frees the clean pages that lie in the range as a whole, mapped or not; a load
     *       through a mapping reads its page again. Dirty, locked and pinned pages stay: {@link #syncRange} cleans
     *       dirty ones first. Linux keeps mapped pages, too. Waits for changes of the file and for CPUs that use the
     *       pages.
     *   <li>{@code POSIX_FADV_NORMAL}, {@code POSIX_FADV_SEQUENTIAL} and {@code POSIX_FADV_RANDOM} hold for all reads
     *       by calls of this open and by faults of its mappings; the advice of a mapping precedes. The range is of no
     *       importance.
     *   <li>{@code POSIX_FADV_NOREUSE} does nothing.
     * </ul>
     *
     * @param offset of the first byte in the file
     * @param length number of bytes; 0 for all bytes up to the end of the file
     * @param advice one of {@link dev.samara.core.mman.FileAdvice}
     * @return 0, or a negated errno: EBADF if this is closed, EINVAL for another advice, or a negative offset or length
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    public abstract long fadvise(long offset, long length, int advice);

    /**
     * Takes the size of the file of the host, which another program may have changed.
     *
     * @return 0, or a negated errno of the host; EBADF if this is closed
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    public abstract long revalidate();

    /**
     * Returns this open as a channel, for code that expects one, and for callers that want a failure thrown: with the
     * path, the call, its range and its errno ({@link HostFileException}). Reads, writes, {@code truncate}, {@code
     * size} and {@code force} are the calls of this class; {@code force} is {@link #fsync} whatever its argument, and
     * {@code size} looks at the file of the host first. Each channel has a position of its own, which starts at 0; its
     * reads and writes by position run one at a time. To append, open the file and use {@link #append}.
     *
     * <p>An interrupt closes no such channel. {@code map} and the locks throw {@link UnsupportedOperationException}. A
     * {@code transferFrom} beyond the end makes the file larger, as in JDK 25; in 17 it transfers nothing. A gathering
     * write, a scattering read or a transfer that fails after its first bytes returns their number, and the next call
     * throws.
     *
     * <p>A close of a channel closes this open. If that throws because a CPU of the thread is in GUEST, the channel is
     * closed and this open is not: close it outside of GUEST. The close of this open leaves the channels, whose reads,
     * writes, forces and changes of the size throw {@link java.nio.channels.ClosedChannelException} from then on. Calls
     * wait, and throw {@link IllegalStateException}, as those of this class do.
     *
     * @return a channel with a position of its own
     */
    public abstract FileChannel channel();

    /** A time during which the file cannot be opened for writing; it is also a use of the open that started it. */
    public interface WriteDenial extends AutoCloseable {
        /**
         * Ends the denial. A second call does nothing. May save the file, as {@link HostFile#close}.
         *
         * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code
         *     rcuMapPages}
         */
        @Override
        void close();
    }

    /**
     * Denies opens of the file for writing ({@code deny_write_access}), as Linux does for the file of a running
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
     * Ends the owner's use of this open. A call under way on another thread completes, and the file is open that long.
     * Mappings stay, and can be split, moved and forked; new ones fail with EBADF
     * once the last one is gone. A second call does nothing. May save the file, or write it: see {@code
     * MachineBuilder.forceOnClose}.
     *
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@code rcuMapPages}
     */
    @Override
    public abstract void close();

    /**
     * Returns the page cache of the file, which all its opens share. The size must be changed by the methods of this
     * class, not by those of the cache: a change of the cache alone does not reach the file of the host, and a removal
     * of dirty pages loses them.
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
