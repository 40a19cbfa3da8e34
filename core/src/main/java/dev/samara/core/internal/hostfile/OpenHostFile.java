// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.backing.HostFile;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.VmOperations;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;
import java.nio.channels.FileChannel;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntUnaryOperator;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** One open of a host file. It is used by its owner, its mappings and read-ahead, and ends with its last use. */
public final class OpenHostFile extends HostFile {
    private static final int SYNC_FLAGS = Mman.WAIT_BEFORE | Mman.SYNC_FILE_RANGE_WRITE | Mman.WAIT_AFTER;

    /** The maximum number of read-ahead tasks per open. Further advice is dropped. */
    private static final int MOST_READS_AHEAD = 16;

    /** The maximum number of ranges of one call ({@code UIO_MAXIOV}). */
    private static final int MOST_RANGES = 1024;

    /**
     * Determines how many pages one open of a file reads at a fault ({@code struct file_ra_state}). The window doubles
     * as long as each fault is at the page after the last window, and is one page for any other fault. A read ends at a
     * multiple of the window, or, with advice for sequential accesses, of half the window. Thread-safe.
     *
     * <p>The last windows of several <em>streams</em> are known, because threads that scan parts of one file through
     * one open fault in turn. With one stream, each of these faults would read one page. A fault that continues no
     * stream begins one, which replaces the stream that began first.
     */
    static final class ReadAhead {
        /**
         * The maximum size of a window in bytes, like Linux's {@code read_ahead_kb}. Advice for sequential accesses
         * doubles the window.
         */
        private static final int MOST_BYTES = 128 << 10;

        /** The number of streams. */
        private static final int STREAMS = 8;

        /** The number of low bits of a stream that contain the binary logarithm of its window. */
        private static final int WINDOW_BITS = 8;

        /** The maximum window in pages for accesses without advice, a power of two. */
        private final int most;

        /** The number of pages that are read together, a power of two: windows start and end with such blocks. */
        private final int block;

        /**
         * The streams: the page after the last window, and the length of that window. Null before the first window.
         *
         * <p>Words: {@code streams}, {@code oldest}, {@code advised}.
         * Written: a fault that reads pages through this open; a call that gives advice (monitor).
         * Read: such faults (monitor).
         * Invariant: the last window of each stream, and the stream that began first; the advice for the open.
         */
        @GuardedBy("this")
        private long @Nullable [] streams;

        @GuardedBy("this")
        private int oldest;

        /** The advice for this open, as the flags that a mapping with this advice has. */
        @GuardedBy("this")
        private long advised;

        ReadAhead(int pageSize, int block) {
            most = Math.max(block, MOST_BYTES / pageSize);
            this.block = block;
        }

        /**
         * Returns the number of pages to read, from {@code page} on.
         *
         * @param page the page of a fault, which is not in memory
         * @param flags the flags of the fault's mapping
         */
        synchronized int window(long page, long flags) {
            long known = (flags & (VmaFlags.RAND_READ | VmaFlags.SEQ_READ)) == 0 ? advised : flags;
            if ((known & VmaFlags.RAND_READ) != 0) {
                return 1;
            }
            if (streams == null) {
                streams = new long[STREAMS];
            }
            long first = page & -block;
            int stream = streamAt(streams, first);
            int shift;
            if ((known & VmaFlags.SEQ_READ) != 0) {
                shift = Integer.numberOfTrailingZeros(2 * most);
            } else if (stream >= 0) {
                int before = (int) streams[stream] & (1 << WINDOW_BITS) - 1;
                shift = Math.min(Integer.numberOfTrailingZeros(most), before + 1);
            } else {
                shift = Integer.numberOfTrailingZeros(block);
            }
            if (stream < 0) {
                stream = oldest;
                oldest = (stream + 1) % STREAMS;
            }
            // The read ends at a multiple of the window, so that pages that are evicted together have frames that were
            // read together.
            int window = 1 << shift;
            int count = window - (int) (first & (Math.min(window, most) - 1));
            streams[stream] = (first + count) << WINDOW_BITS | shift;
            return count - (int) (page - first);
        }

        /** Returns the stream whose last window ends before a page, or -1 if there is none. */
        private static int streamAt(long[] streams, long page) {
            for (int i = 0; i < STREAMS; i++) {
                if (streams[i] >>> WINDOW_BITS == page) {
                    return i;
                }
            }
            return -1;
        }

        /**
         * Sets the advice for accesses whose mapping has no advice of its own.
         *
         * @param advice {@link Mman#POSIX_FADV_NORMAL}, {@link Mman#POSIX_FADV_RANDOM} or {@link
         *     Mman#POSIX_FADV_SEQUENTIAL}
         */
        private synchronized void advise(int advice) {
            advised = advice == Mman.POSIX_FADV_RANDOM
                    ? VmaFlags.RAND_READ
                    : advice == Mman.POSIX_FADV_SEQUENTIAL ? VmaFlags.SEQ_READ : 0;
        }
    }

    /**
     * Prevents opens for writing, until it is closed. It counts as a use of the open that started it, so the file stays
     * open, like the executable of a running program.
     */
    private final class HeldDenial implements WriteDenial {
        /**
         * Written: the first thread that closes the denial (monitor).
         * Read: a thread that closes it (monitor).
         * Invariant: never reset; each denial is ended once.
         */
        @GuardedBy("this")
        private boolean isClosed;

        @Override
        public void close() {
            ThreadCpus.checkMayWait("the closing of a file");
            synchronized (this) {
                if (isClosed) {
                    return;
                }
                isClosed = true;
            }
            try {
                synchronized (inode.files) {
                    inode.denials--;
                }
            } finally {
                unuse();
            }
        }

        @Override
        public String toString() {
            return "denial of writes to " + name;
        }
    }

    private final class Operations implements VmOperations {
        @Override
        public @Nullable Errno open(Vma vma) {
            return use() ? null : Errno.EBADF;
        }

        @Override
        public void close(Vma vma) {
            unuse();
        }
    }

    final HostInode inode;
    private final String name;
    private final PathOpen.PathLook found;
    private final boolean isWritable;

    /** Whether calls bypass the cache, and so bring no pages into memory ({@code HostFileOption.DIRECT}). */
    private final boolean isDirect;

    private final int pageShift;
    private final ReadAhead readAhead;
    private final Operations operations = new Operations();

    /** The failures that this open has reported so far (the sample in {@code file.f_wb_err}). */
    @GuardedBy("inode")
    private long seen;

    /** The monitor of {@link #uses}. The object itself is reachable by embedders, who may hold its monitor. */
    private final Object counting = new Object();

    /**
     * The number of uses.
     *
     * <p>Words: {@code uses}, {@code isClosed}, {@code isLeft}.
     * Written: a thread that begins or ends a use, or closes the open (monitor).
     * Read: these threads (monitor).
     * Invariant: the number of uses: the mappings, the owner, and its calls and read-ahead under way. The open ends
     *     with its last use.
     */
    @GuardedBy("counting")
    private int uses = 1;

    /** Whether the owner has closed the open. */
    @GuardedBy("counting")
    private boolean isClosed;

    /** Whether the last use has ended, but memory or stack was exhausted before its end was complete. */
    @GuardedBy("counting")
    private boolean isLeft;

    /**
     * The number of read-ahead tasks, each of which is a use. It is limited, because a guest may give advice any number
     * of times.
     *
     * <p>Written: a thread that gives advice; the task, or that thread if it submits no task (monitor).
     * Read: as written.
     * Invariant: the number of read-ahead tasks of this open, and of threads that are about to submit one; at most 16.
     */
    @GuardedBy("counting")
    private int readsAhead;

    /**
     * Creates an open that is counted already.
     *
     * @param found what its path named
     */
    OpenHostFile(HostInode inode, String name, PathOpen.PathLook found, boolean isWritable, boolean isDirect) {
        this.inode = inode;
        this.name = name;
        this.found = found;
        this.isWritable = isWritable;
        this.isDirect = isDirect;
        synchronized (inode) {
            seen = inode.isTold ? inode.failures : inode.failures - 1;
        }
        int pageSize = inode.pages.memory.frames.pageSize;
        pageShift = Integer.numberOfTrailingZeros(pageSize);
        readAhead = new ReadAhead(pageSize, inode.pages.blockPages);
    }

    /** Starts a use. Returns false if the open has ended. */
    private boolean use() {
        synchronized (counting) {
            if (uses == 0) {
                return false;
            }
            uses++;
            return true;
        }
    }

    /** Ends a use. The last one ends the open, which may save the file. */
    void unuse() {
        boolean isLast;
        synchronized (counting) {
            uses--;
            isLast = uses == 0;
        }
        if (isLast) {
            boolean isOver = false;
            try {
                inode.files.leave(inode, isWritable);
                isOver = true;
            } finally {
                leave(!isOver);
            }
        }
    }

    /**
     * Starts a call of the owner, during which the open does not end. Returns false if the owner has closed the open.
     * Otherwise the caller ends the call with {@link #unuse}.
     */
    boolean beginCall() {
        synchronized (counting) {
            return !isClosed && use();
        }
    }

    /** Makes a call of the owner. Returns its result, or negated EBADF if the owner has closed the open. */
    private long call(LongSupplier call) {
        if (!beginCall()) {
            return Errno.EBADF.result();
        }
        try {
            return call.getAsLong();
        } finally {
            unuse();
        }
    }

    @Override
    public void close() {
        checkMayEnd("the closing of a file");
        boolean isAgain;
        synchronized (counting) {
            if (isClosed && !isLeft) {
                return;
            }
            isAgain = isClosed;
            isClosed = true;
        }
        if (isAgain) {
            inode.files.endUnused(inode);
            leave(false);
        } else {
            unuse();
        }
    }

    private void leave(boolean isToBeContinued) {
        synchronized (counting) {
            isLeft = isToBeContinued;
        }
    }

    /**
     * Closes opens. What fails for lack of memory or stack is tried a second time, after the others.
     *
     * @param files the opens; null where there is none
     */
    public static void closeAll(@Nullable HostFile[] files) {
        if (!areClosed(files)) {
            // The machine closes what the second attempt leaves.
            boolean unused = areClosed(files);
        }
    }

    private static boolean areClosed(@Nullable HostFile[] files) {
        boolean areClosed = true;
        for (HostFile file : files) {
            try {
                if (file != null) {
                    file.close();
                }
            } catch (OutOfMemoryError | StackOverflowError exhausted) {
                areClosed = false;
            }
        }
        return areClosed;
    }

    /**
     * Checks that the thread may end a use, before anything is changed: that it may wait, is not executing a hook of
     * the file, and has the stack that the end needs.
     */
    public void checkMayEnd(String what) {
        check(what);
        StackReserve.check(StackReserve.MANY);
    }

    /** Checks that the thread may wait, and is not executing a hook of the file. */
    void check(String what) {
        ThreadCpus.checkMayWait(what);
        inode.checkNoHook(what);
    }

    @Override
    public WriteDenial denyWrites() {
        ThreadCpus.checkMayWait("the denial of writes");
        HeldDenial denial = new HeldDenial();
        if (!beginCall()) {
            throw new MmException("denyWrites(" + name + ")", Errno.EBADF);
        }
        boolean isDenied = false;
        try {
            synchronized (inode.files) {
                isDenied = inode.writers == 0;
                inode.denials += isDenied ? 1 : 0;
            }
            if (!isDenied) {
                throw new MmException("denyWrites(" + name + ")", Errno.ETXTBSY);
            }
            return denial;
        } finally {
            if (!isDenied) {
                unuse();
            }
        }
    }

    @Override
    public int fault(Backing.PageRequest request) {
        inode.checkNoHook("an access");
        FilePages pages = inode.pages;
        long page = request.page();
        if (page >= pages.pages()) {
            // Another program may have extended the file.
            inode.revalidate();
        }
        int known = pages.frameAt(page);
        if (known >= 0) {
            return known;
        }
        int frame = inode.fetch(page, readAhead.window(page, request.vma().flags()), true);
        if (frame == FilePages.NO_MEMORY) {
            return -Fault.OUT_OF_MEMORY;
        }
        request.major();
        return frame >= 0 ? frame : -Fault.ADRERR;
    }

    @Override
    public long pread(ByteBuffer target, long offset) {
        check("a read of a file");
        if (target.isReadOnly()) {
            throw new ReadOnlyBufferException();
        }
        if (offset < 0) {
            // Returned before the descriptor is checked, as in ksys_pread64.
            return Errno.EINVAL.result();
        }
        if (!beginCall()) {
            return Errno.EBADF.result();
        }
        try {
            return inode.pread(target, offset, isDirect ? null : readAhead);
        } finally {
            unuse();
        }
    }

    /**
     * Reads bytes as {@link #pread} does, past the page cache where that is possible, for a caller that holds a use of
     * the open. The owner may already have closed the open.
     */
    public long preadInUse(ByteBuffer target, long offset) {
        check("a read of a file");
        return inode.pread(target, offset, null);
    }

    /** Returns the minimum number of bytes of a read that bypasses the cache. */
    public int leastUncached() {
        return inode.files.leastUncached;
    }

    /**
     * Reads bytes of consecutive pages that are not in memory into the remaining bytes of a buffer, and advances the
     * buffer's position by their number, without bringing pages into memory. May also overwrite bytes of the buffer
     * after the new position. May wait for the host, and for truncations. Called by a mapping that uses this open. The
     * owner may already have closed the open.
     *
     * @param absent takes a maximum, and returns the number of pages, from the first one of the read on, that have no
     *     entry in the page table; 0 if the mapping does not exist any more. Pages with an entry are not read
     * @return the number of bytes read; each has a value that the mapping contained at some time during this call. 0 if
     *     the pages must be faulted in
     */
    public int readUncached(ByteBuffer target, long offset, IntUnaryOperator absent) {
        return inode.readUncached(target, offset, false, absent);
    }

    @Override
    public long pwrite(ByteBuffer source, long offset) {
        check("a write of a file");
        return offset < 0 ? Errno.EINVAL.result() : write(source, offset);
    }

    @Override
    public long append(ByteBuffer source) {
        check("a write of a file");
        return write(source, HostInode.END);
    }

    private long write(ByteBuffer source, long offset) {
        if (!isWritable || !beginCall()) {
            return Errno.EBADF.result();
        }
        try {
            return inode.pwrite(source, offset, isDirect);
        } finally {
            unuse();
        }
    }

    @Override
    public long fsync(long offset, long length) {
        check("a write-back");
        return told(inode.writes.flush(offset >>> pageShift, (offset + length - 1) >>> pageShift, false));
    }

    @Override
    public long fsync() {
        check("a write-back");
        return call(() -> told(inode.writes.flush(0, Long.MAX_VALUE, false)));
    }

    /**
     * Returns the result of a call whose write-back returned {@code failed}. This is the last failure that the open has
     * not reported yet. If there is none, it is {@code failed}, which another thread may already have reported for this
     * open.
     */
    private long told(long failed) {
        long told = tell();
        return told != 0 ? told : failed;
    }

    /** Returns 0 if there was no failure since the last call; otherwise the negated errno of the last failure. */
    private long tell() {
        synchronized (inode) {
            if (seen == inode.failures) {
                return 0;
            }
            seen = inode.failures;
            inode.isTold = true;
            return inode.lastFailure;
        }
    }

    @Override
    public long syncRange(long offset, long length, int flags) {
        check("a write-back");
        long end = offset + length;
        boolean isValid = (flags & ~SYNC_FLAGS) == 0 && offset >= 0 && length >= 0 && end >= 0;
        return call(() -> isValid
                ? syncPages(offset >>> pageShift, length == 0 ? Long.MAX_VALUE : (end - 1) >>> pageShift, flags)
                : Errno.EINVAL.result());
    }

    private long syncPages(long first, long last, int flags) {
        if ((flags & Mman.WAIT_BEFORE) != 0) {
            awaitWriteBack();
            long failed = tell();
            if (failed != 0) {
                return failed;
            }
        }
        long failed = 0;
        if ((flags & Mman.SYNC_FILE_RANGE_WRITE) != 0) {
            // A failure is returned only if the call waits afterwards.
            failed = inode.writes.write(first, last);
        } else if ((flags & Mman.WAIT_AFTER) != 0) {
            awaitWriteBack();
        }
        return (flags & Mman.WAIT_AFTER) != 0 ? told(failed) : 0;
    }

    /** Waits for the thread that is writing pages, which holds the lock, and does nothing under it. */
    private void awaitWriteBack() {
        inode.writeBack.lock();
        try {
            assert inode.writeBack.isHeldByCurrentThread();
        } finally {
            inode.writeBack.unlock();
        }
    }

    @Override
    public long grow(long bytes) {
        check("a change of a file's size");
        // The order of the checks is that of vfs_fallocate.
        return call(() -> bytes < 0 ? Errno.EINVAL.result() : isWritable ? inode.grow(bytes) : Errno.EBADF.result());
    }

    @Override
    public long truncate(long bytes) {
        check("a truncation");
        if (bytes < 0) {
            // Returned before the descriptor is checked, as in do_sys_ftruncate.
            return Errno.EINVAL.result();
        }
        return call(() -> isWritable ? inode.truncate(bytes) : Errno.EINVAL.result());
    }

    @Override
    public long punch(long offset, long length) {
        check("the punching of a hole");
        return call(() -> punchRange(offset, length));
    }

    /** Checks the arguments in the order of {@code vfs_fallocate}. */
    private long punchRange(long offset, long length) {
        if (offset < 0 || length <= 0) {
            return Errno.EINVAL.result();
        } else if (!isWritable) {
            return Errno.EBADF.result();
        }
        return offset + length < 0 ? Errno.EFBIG.result() : inode.punch(offset, length);
    }

    /**
     * Sets bytes to zero like {@link #punch}, for a mapping that uses this open ({@code vfs_fallocate} in {@code
     * madvise_remove}). The owner may already have closed the open.
     */
    public long punchMapped(long offset, long length) {
        check("the punching of a hole");
        return isWritable ? inode.punch(offset, length) : Errno.EBADF.result();
    }

    @Override
    public long revalidate() {
        check("a check of a file");
        return call(() -> inode.revalidate());
    }

    @Override
    public long fadvise(long offset, long length, int kind) {
        return fadvise(new long[] {offset}, new long[] {length}, 1, kind);
    }

    @Override
    public long fadvise(long[] offsets, long[] lengths, int count, int kind) {
        check("advice about a file");
        return call(() -> advise(offsets, lengths, count, kind));
    }

    /**
     * Follows advice about ranges ({@code mm/fadvise.c}), whose list is checked as in {@code import_iovec}. The caller
     * holds a use of the open.
     */
    private long advise(long[] offsets, long[] lengths, int count, int advice) {
        if (count < 0 || count > MOST_RANGES) {
            return Errno.EINVAL.result();
        } else if (count > Math.min(offsets.length, lengths.length)) {
            return Errno.EFAULT.result();
        }
        // All ranges are checked before the first one is advised, and other threads may change the caller's arrays.
        long[] starts = Arrays.copyOf(offsets, count);
        long[] ends = new long[count];
        for (int i = 0; i < count; i++) {
            long length = lengths[i];
            if (starts[i] < 0 || length < 0) {
                return Errno.EINVAL.result();
            }
            ends[i] = length == 0 || starts[i] + length < 0 ? Long.MAX_VALUE : starts[i] + length;
        }
        switch (advice) {
            case Mman.POSIX_FADV_WILLNEED -> willNeed(starts, ends);
            case Mman.POSIX_FADV_DONTNEED -> {
                for (int i = 0; i < count; i++) {
                    dontNeed(starts[i], ends[i]);
                }
            }
            case Mman.POSIX_FADV_NORMAL, Mman.POSIX_FADV_RANDOM, Mman.POSIX_FADV_SEQUENTIAL -> readAhead.advise(advice);
            case Mman.POSIX_FADV_NOREUSE -> {
                // Ignored, as before Linux 6.3.
            }
            default -> {
                return Errno.EINVAL.result();
            }
        }
        return 0;
    }

    /** Frees the clean pages that are entirely within a range, which is rounded like in {@code generic_fadvise}. */
    private void dontNeed(long offset, long end) {
        long first = (offset >>> pageShift) + ((offset & (1L << pageShift) - 1) == 0 ? 0 : 1);
        // The last page of the file counts as a whole page if the range contains all of its bytes.
        long last = end >= inode.pages.size() ? Long.MAX_VALUE : (end >>> pageShift) - 1;
        if (first <= last) {
            inode.pages.eviction().evictRange(first, last);
        }
    }

    @Override
    public void willNeed(long offset, long length) {
        willNeed(new long[] {offset}, new long[] {offset + length});
    }

    /** Reads ranges in one task, from their starts to their ends, which may be beyond the end of the file. */
    private void willNeed(long[] starts, long[] ends) {
        // The first and the last page of each range, of which those that continue the previous range become part.
        long[] ranges = new long[2 * starts.length];
        int used = 0;
        for (int i = 0; i < starts.length; i++) {
            long end = Math.min(ends[i], inode.pages.size());
            if (starts[i] < end) {
                long first = starts[i] >>> pageShift;
                long last = (end - 1) >>> pageShift;
                if (used > 0 && first >= ranges[used - 2] && first <= ranges[used - 1] + 1) {
                    ranges[used - 1] = Math.max(ranges[used - 1], last);
                } else {
                    ranges[used++] = first;
                    ranges[used++] = last;
                }
            }
        }
        int count = used;
        if (count == 0) {
            return;
        }
        if (!beginReadAhead()) {
            return;
        }
        boolean isGiven = false;
        try {
            inode.files.tasks.execute(() -> {
                try {
                    readAhead(ranges, count);
                } finally {
                    endReadAhead();
                }
            });
            isGiven = true;
        } finally {
            if (!isGiven) {
                endReadAhead();
            }
        }
    }

    /**
     * Reads the pages of ranges that are not in memory, because they will be needed soon ({@code force_page_cache_ra}):
     * in all at most half as many pages as may be in memory. Ends a range at the end of the file, and at a page that
     * cannot be read; and the task when no frame is free, or the machine is closed. It reports no error, because an
     * access to the page reads it again. The caller holds a use of the open.
     *
     * @param ranges the first and the last page of each range
     * @param count the number of these pages
     */
    private void readAhead(long[] ranges, int count) {
        FilePages pages = inode.pages;
        Frames frames = pages.memory.frames;
        long left = Math.min(inode.files.limit.mostBytes / frames.pageSize, frames.most()) / 2;
        try {
            for (int i = 0; i < count; i += 2) {
                long last = Math.min(ranges[i + 1], ranges[i] + left - 1);
                left -= last - ranges[i] + 1;
                for (long page = ranges[i]; page <= last && page < pages.pages() && !pages.isClosed(); page++) {
                    int most = (int) Math.min(readAhead.most, last - page + 1);
                    int read = pages.frameAt(page) == Frames.NONE ? inode.fetch(page, most, false) : 0;
                    if (read == FilePages.NO_MEMORY) {
                        return;
                    } else if (read < 0) {
                        break;
                    }
                }
            }
        } catch (IllegalStateException closed) {
            if (!pages.isClosed()) {
                throw closed;
            }
            // The close of the machine waits for no read-ahead, and has closed the page cache during this read.
        }
    }

    /** Starts a read-ahead, which is a use. Returns false if there are too many, or the open has ended. */
    private boolean beginReadAhead() {
        synchronized (counting) {
            if (readsAhead == MOST_READS_AHEAD || !use()) {
                return false;
            }
            readsAhead++;
            return true;
        }
    }

    private void endReadAhead() {
        synchronized (counting) {
            readsAhead--;
        }
        unuse();
    }

    @Override
    public long absentPages(long offset, long length) {
        long end = offset + length;
        if (offset < 0 || length < 0 || end < 0) {
            return Errno.EINVAL.result();
        }
        FilePages pages = inode.pages;
        long first = offset >>> pageShift;
        long last = Math.min((end - 1) >>> pageShift, pages.pages() - 1);
        return length == 0 || first > last ? 0 : last - first + 1 - pages.countPages(first, last);
    }

    @Override
    public List<DirtyRange> dirtyRanges(long offset, long length) {
        check("a list of dirty pages");
        if (offset < 0 || length < 0) {
            throw new IllegalArgumentException("offset " + offset + " or length " + length + " is negative");
        }
        if (length == 0 || !beginCall()) {
            return List.of();
        }
        try {
            long last = offset + length < 0 ? Long.MAX_VALUE : offset + length - 1;
            return inode.writes.dirtyRanges(offset >>> pageShift, last >>> pageShift);
        } finally {
            unuse();
        }
    }

    @Override
    public long size() {
        return inode.pages.size();
    }

    @Override
    public FileChannel channel() {
        return new HostFileChannel(this);
    }

    @Override
    public VmOperations operations() {
        return operations;
    }

    @Override
    public PageCache pageCache() {
        return inode.pages;
    }

    @Override
    public boolean writable() {
        return isWritable;
    }

    @Override
    public int major() {
        return found.major;
    }

    @Override
    public int minor() {
        return found.minor;
    }

    @Override
    public long inode() {
        return found.inode;
    }

    @Override
    public String name() {
        return name;
    }
}
