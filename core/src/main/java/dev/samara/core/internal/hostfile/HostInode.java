// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.backing.HostFile.DirtyRange;
import dev.samara.core.backing.HostFileOption;
import dev.samara.core.backing.PageHooks;
import dev.samara.core.event.Report;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.sync.CheckedLock;
import dev.samara.core.internal.sync.CheckedLock.CheckedReadWriteLock;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.mman.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntUnaryOperator;
import java.util.function.ToLongFunction;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * One host file with its pages in memory, shared by all opens of the file in a machine ({@code struct inode}): what
 * keeps the bytes of the host's file, the pages and the size in agreement. Reads pages, reads and writes bytes by
 * calls, punches holes, and changes the size. {@link PageWrites} saves the file. Thread-safe.
 *
 * <p><b>Locks.</b> {@code changes}, {@code writeBack} and {@code invalidate} are acquired in this order. They order
 * changes of the size, write-backs and reads of the whole file; {@link FilePages.PageRead} orders reads and writes of
 * one page.
 *
 * <p><b>Size</b> ({@code ext4_setattr}). An operation that makes the file larger or smaller first changes the size of
 * the host's file, and then the size in the page cache. So the host's file is never shorter than the size in the page
 * cache, unless another program has truncated it. Another program may change the size of the host's file at any time,
 * so each operation checks that size first ({@link #revalidate}). The JDK cannot change a size conditionally. So if
 * another program changes the size between the check and the change, the result is the same as if it had done so before
 * the check.
 *
 * <p><b>Reads of pages</b> ({@code filemap_read_folio}). If the frames are in direct memory, the host reads directly
 * into them. The last page of the file is filled up with zeros. A failed read changes nothing, and the next access
 * reads again. A read holds {@code invalidate} shared, so no truncation and no hole can happen between the read and the
 * insertion of its pages. Writes of pages are not excluded. During the read, other threads may insert one of the pages,
 * change it, write it back and reclaim it. In that case the bytes that were read are stale, and the page is read again.
 * {@link FilePages.PageRead} compares the ranges, so only a write or a removal of the page itself makes its read stale.
 * A read of a page that no thread writes or removes waits neither for a write-back nor for a force.
 *
 * <p><b>Reads past the cache</b> transfer many bytes that are not in memory into the buffer of the caller (like {@code
 * RWF_DONTCACHE} in {@code include/uapi/linux/fs.h}, which leaves no page in the cache either). If the buffer is
 * direct, the bytes are copied once instead of twice. A read needs no frame, and evicts nothing. The kernel of the host
 * caches the bytes, so a second read does not access the device.
 *
 * <p>If a page is not in memory, its bytes are stored only on the host. Later stores to the page reach the host only by
 * a write, and a write or a removal makes the read of the page stale. So the pages before the first stale one contain
 * the bytes as of one time, the start of the read, and stores of other threads are seen in their order. The caller
 * reads the first stale page and the following pages through the cache, which waits for concurrent changes where
 * necessary. A direct open instead retries to bypass the cache, while write-backs are excluded. A read holds {@code
 * invalidate} shared, like a read of pages, so that no truncation happens between two calls of the host.
 *
 * <p>A read for a mapping checks the page table after it has read the bytes. Only pages that have no entry at that
 * time, and that were neither changed nor inserted between the start and the end of the read, are returned. For these
 * pages, the mapping contained the returned bytes at the time of the check.
 *
 * <p><b>Writes past the cache</b> transfer whole pages that are not in memory from the buffer of the caller ({@code
 * generic_file_direct_write} in {@code mm/filemap.c}). A write needs no frames, and leaves no page in memory.
 *
 * <p>A write holds the lock of the write-back, so only one thread at a time writes the host's bytes, and there is no
 * concurrent truncation or hole. The write is recorded as under way, so a page that is read during the write is stale,
 * and is read again after the end of the write. So an access through a mapping or another call sees all the new bytes
 * if it is after the write, and the old bytes if it is before the write. If the host fails during the write, the pages
 * are still not in memory, and their content is what the host stored.
 *
 * <p><b>Hooks</b> ({@link PageHooks}) are called while locks of the file are held. A call of the same file from a hook
 * could wait for one of these locks for ever, so each such call is rejected. A hook may call another file, whose hooks
 * may then be called within the first hook.
 *
 * <p><b>Failures</b> ({@code errseq_t}). Each open of the file reports each failed write once. An open that is created
 * after a failure also reports it, if no other open did.
 */
final class HostInode {
    /** The maximum number of attempts of an operation that finds that the host's file was truncated. */
    static final int ATTEMPTS = 8;

    /** The offset of a write at the end of the file. */
    static final long END = -1;

    /* Results of reads of pages in addition to the results of FilePages. */

    /** The page is beyond the end of the file. */
    private static final int BEYOND = Frames.NONE;

    /** The host failed to read the page. */
    private static final int UNREADABLE = FilePages.EVICTED - 1;

    /** The host's file is shorter than the size in the page cache. */
    private static final int SHORT = UNREADABLE - 1;

    /** How often a stale page is read again before the read excludes write-backs. */
    private static final int UNLOCKED_RETRIES = 4;

    /** The stack that a read of pages needs, in stack frames, beside the calls of the host. */
    private static final int DEPTH = 60;

    /** The result of a read past the cache whose first page was written or removed during the read. */
    private static final int STALE = -1;

    /**
     * The maximum number of bytes of a heap buffer that the JDK may copy through a buffer that it caches per thread.
     */
    private static final int MOST_COPIED = 64 << 10;

    /** The maximum number of bytes of a write for which room is made at a time. */
    private static final int MOST_BYTES = 128 << 10;

    /**
     * The maximum number of bytes at the end of a file that become a hole by writing zeros, and after which a longer
     * hole checks the interrupt flag.
     */
    private static final int MOST_ZEROS = 16 << 20;

    /** The host's file ends before a byte that must be within it. No errno has this value. */
    private static final long BEYOND_END = FilePages.PageWriter.BEYOND_END;

    /** The result of {@link #cutAndExtend} if the host did not truncate its file. No errno has this value. */
    private static final long NOT_CUT = 1;

    private static final byte[] ZEROS = new byte[4096];

    private static final long NONE = -1;

    /** The rules that the options of its first open set for a file. */
    static final class FileRules {
        /** The rules of a file that was opened without any of these options; no other object has these rules. */
        static final FileRules NONE = new FileRules(null, false, null, 0);

        /** Decides whether pages may be read and written; null if there are none. Compared by identity. */
        final @Nullable PageHooks hooks;

        /** Whether dirty pages are written only by calls that request it. */
        final boolean isNoSteal;

        /** The lock of the file; null if it is not locked. */
        final @Nullable HostFileOption lock;

        /** The number of bytes of a block; 0 if the open names none. The first open decides for the file. */
        final int blockBytes;

        FileRules(@Nullable PageHooks hooks, boolean isNoSteal, @Nullable HostFileOption lock, int blockBytes) {
            this.hooks = hooks;
            this.isNoSteal = isNoSteal;
            this.lock = lock;
            this.blockBytes = blockBytes;
        }

        /**
         * Returns whether bytes are written to the host only by write-backs, so that a write-back can hold them back.
         */
        private boolean holdsWrites() {
            return hooks != null || isNoSteal;
        }
    }

    /** A hook that the thread is executing. */
    private record Entered(HostInode inode, @Nullable Entered outer) {}

    private static final ThreadLocal<@Nullable Entered> CURRENT = new ThreadLocal<>();

    /**
     * A pool of arrays, and of views of frames, that reads of pages reuse, so that a read need not create them. Keeps
     * only a few. Thread-safe.
     */
    static final class ReadArraysPool {
        private static final int MOST_IDLE = 8;

        /** The maximum number of pages of a read-ahead window with pages of 4 KiB. */
        private static final int LEAST = 64;

        /** The arrays of one read of pages, for one thread. */
        private static final class ReadArrays {
            /** The frames that the read fills; contains only {@link Frames#NONE} between reads. */
            private final int[] fresh;

            /** See {@link DirectFrames#bytes(int, int, ByteBuffer[])}. */
            private final @Nullable ByteBuffer[] views;

            private ReadArrays(int most, int buffers) {
                fresh = new int[most];
                Arrays.fill(fresh, Frames.NONE);
                views = new ByteBuffer[buffers];
            }
        }

        private final int buffers;

        /**
         * Written: a thread that starts or ends a read (monitor).
         * Read: such threads (monitor).
         * Invariant: arrays that no read is using.
         */
        @GuardedBy("this")
        private final ArrayDeque<ReadArrays> idle = new ArrayDeque<>(MOST_IDLE);

        /**
         * Creates an empty pool.
         *
         * @param direct the frames, or null if they are not in direct memory
         */
        ReadArraysPool(@Nullable DirectFrames direct) {
            buffers = direct == null ? 0 : direct.buffers();
        }

        /** Returns arrays for a read of up to {@code most} pages, for one thread. */
        private ReadArrays take(int most) {
            ReadArrays known;
            synchronized (this) {
                known = idle.pollLast();
            }
            return known == null || known.fresh.length < most ? new ReadArrays(Math.max(LEAST, most), buffers) : known;
        }

        /** Returns arrays of {@link #take} to the pool. */
        private synchronized void giveBack(ReadArrays arrays) {
            if (idle.size() < MOST_IDLE) {
                idle.addLast(arrays);
            }
        }
    }

    /**
     * A pool of buffers that are used to copy bytes between frames and files. Keeps a few buffers, in direct memory.
     * Thread-safe.
     */
    static final class TransferBuffers {
        /** The maximum number of bytes that one call of the host reads or writes. */
        static final int SIZE = 1 << 20;

        private static final int MOST_IDLE = 4;

        private final int size;

        @GuardedBy("this")
        private final ArrayDeque<ByteBuffer> idle = new ArrayDeque<>(MOST_IDLE);

        /**
         * The number of buffers of {@link #tryTake} that are in use.
         *
         * <p>Written: a read that bypasses the page cache into a heap buffer, when it starts and ends (monitor).
         * Read: the same read (monitor).
         * Invariant: the number of such reads that use a direct buffer; four at most.
         */
        @GuardedBy("this")
        private int taken;

        /**
         * Creates an empty pool.
         *
         * @param size the size of each buffer in bytes
         */
        TransferBuffers(int size) {
            this.size = size;
        }

        /** Returns an empty buffer of at least {@code least} bytes, for one thread. */
        private ByteBuffer take(int least) {
            if (least > size) {
                return ByteBuffer.allocateDirect(least);
            }
            ByteBuffer known;
            synchronized (this) {
                known = idle.pollLast();
            }
            return known == null ? ByteBuffer.allocateDirect(size) : known.clear();
        }

        /**
         * Returns an empty buffer for one thread, or null if {@value #MOST_IDLE} threads are using buffers of this
         * method.
         */
        @Nullable
        private ByteBuffer tryTake() {
            synchronized (this) {
                if (taken == MOST_IDLE) {
                    return null;
                }
                taken++;
            }
            ByteBuffer made = null;
            try {
                made = take(0);
                return made;
            } finally {
                if (made == null) {
                    endTake();
                }
            }
        }

        /** Returns a buffer of {@link #tryTake} to the pool. */
        private void giveBackTaken(ByteBuffer buffer) {
            endTake();
            giveBack(buffer);
        }

        private synchronized void endTake() {
            taken--;
        }

        /** Returns a buffer of {@link #take} to the pool. */
        private synchronized void giveBack(ByteBuffer buffer) {
            if (buffer.capacity() == size && idle.size() < MOST_IDLE) {
                idle.addLast(buffer);
            }
        }
    }

    /** The files of the machine, with the settings for all of them. */
    final HostFiles files;

    final Object key;

    /** The name of the first open, usually the path. */
    final String name;

    final FilePages pages;
    final PageWrites writes;

    /**
     * The locks of the file's channels.
     *
     * <p>Words: {@code locks} and its contents, {@code ofHost}.
     * Written: a thread that locks, unlocks or closes a channel (monitor).
     * Read: as written, and a thread that asks whether a lock is valid (monitor).
     * Invariant: the locks that were acquired and not released, and those that a thread is acquiring.
     */
    final List<HostFileChannel.ChannelLock> locks = new ArrayList<>(0);

    private final Frames frames;
    private final @Nullable DirectFrames direct;
    private final int pageSize;

    /** The number of bytes that are moved together: of a block, or of a page if the file has no blocks. */
    private final int unit;

    private final ReadArraysPool pool;

    /** The number of bytes of a block, as the first open named it; 0 if it named none. */
    final int blockBytes;

    /** Whether the file was opened by path, and is counted in {@link PathOpen}. */
    final boolean isOfPath;

    /** The channel of the open that created this file. It stays open until the end of this file. */
    final HostChannel first;

    /* How the file is used. Guarded by the monitor of {@link HostFiles}. */

    /** All channels that are closed at the end of this file; afterwards only those that are still to be closed. */
    final List<HostChannel> channels = new ArrayList<>(2);

    /** The number of opens of the file that have not ended. */
    int opens;

    /** The number of these opens that are for writing ({@code i_writecount} above 0). */
    int writers;

    /** The number of denials of writing ({@code i_writecount} below 0); 0 while there are writers. */
    int denials;

    /** The number of opens so far. Shows whether the file was opened and closed again during a last close. */
    long opened;

    /** Whether it was reported that the file could not be saved. Reset by an open. */
    boolean isReported;

    /** The index in the list of all files. */
    int place;

    /** Whether a thread is saving the file, to end it unless it is opened again, or has removed it and is closing it. */
    boolean isEnding;

    /** Whether the channels are closed, and so the file has left the list of files that are ending. */
    boolean isClosed;

    /** The next one of the removed files whose channels are not closed yet. */
    @Nullable
    HostInode nextEnding;

    /**
     * What the path named when the file was opened and had no page in memory, if every later change shows in its times;
     * null if the pages must not outlive the opens.
     */
    PathOpen.@Nullable PathLook openedAs;

    /** Whether the file is kept without opens, for the next open. */
    boolean isKept;

    /** The kept files whose last close was just before and after that of this kept file. */
    @Nullable
    HostInode older;

    @Nullable
    HostInode newer;

    /** Serializes writes by calls, holes and changes of the size ({@code i_rwsem}). */
    final ReentrantLock changes = new CheckedLock();

    /**
     * Serializes write-backs, and excludes them from truncations and holes. Not held during a force ({@link
     * PageWrites}). Acquired after {@link #changes}.
     */
    final ReentrantLock writeBack = new CheckedLock();

    /**
     * Held shared by reads of pages into memory, and exclusively by truncations and holes ({@code invalidate_lock}).
     * Otherwise a page that was read before a truncation could be inserted after it. Acquired after {@link #writeBack}.
     */
    final CheckedReadWriteLock invalidate = new CheckedReadWriteLock();

    /**
     * The channel of the first open for writing, or of the first open while there is none.
     *
     * <p>Written: the first open of a file for writing, under the monitor of {@code HostFiles} (volatile).
     * Read: any thread that uses the file (volatile).
     * Pairs: stored before {@code isWritable}: a thread that reads {@code isWritable} as true writes through a channel
     *     for writing.
     * Invariant: a channel of the file, which stays open until the end of the file, even if it is the first one and was
     *     replaced.
     */
    volatile HostChannel channel;

    /**
     * Whether the channel is open for writing. Written after the channel, and never reset.
     *
     * <p>Written: the first open for writing, after {@code channel} (volatile).
     * Read: a write-back; an open under the monitor of {@code HostFiles} (volatile).
     * Pairs: with {@code channel}, see there.
     * Invariant: whether there is a channel for writing; never reset.
     */
    volatile boolean isWritable;

    /**
     * The rules of the file.
     *
     * <p>Written: the opening thread; an open that finds the file without opens, under the monitor of {@code
     *     HostFiles} (volatile).
     * Read: any thread that uses the file (volatile).
     * Invariant: the rules that the options of the opens set for the file.
     */
    volatile FileRules rules;

    /**
     * The size to which a failed growth extended the host's file, until the file is truncated again; or {@link #NONE}.
     * Written under the lock of the changes.
     *
     * <p>Written: the holder of {@code changes}, after it tried to truncate the host's file (volatile).
     * Read: the holder of {@code changes}; a thread that is about to save the file (volatile).
     * Invariant: a size only while the host's file may be longer than the size in the page cache, because of a failed
     *     growth to that size.
     */
    private volatile long overgrown = NONE;

    /**
     * The number of failed writes.
     *
     * <p>Words: {@code failures}, {@code lastFailure}, {@code isTold}, {@code seen} of an open.
     * Written: a thread that records a failure, and a thread that reports one (monitor).
     * Read: these threads, and a thread that opens the file (monitor).
     * Invariant: {@code failures} is the number of failures; {@code seen} of an open is never larger.
     */
    @GuardedBy("this")
    long failures;

    @GuardedBy("this")
    long lastFailure;

    @GuardedBy("this")
    boolean isTold = true;

    /**
     * Creates a file that was just opened. The caller holds the monitor of {@link HostFiles}.
     *
     * @param pages its pages, none of which is in memory
     * @param pool the arrays that reads of these pages use
     * @param isWritable whether the channel is open for writing
     * @param ofPath the rules of an open by path; null for a file without a path
     */
    HostInode(
            HostFiles files,
            Object key,
            String name,
            FilePages pages,
            ReadArraysPool pool,
            HostChannel channel,
            boolean isWritable,
            @Nullable FileRules ofPath) {
        this.files = files;
        this.key = key;
        this.name = name;
        this.pages = pages;
        this.pool = pool;
        this.channel = channel;
        this.isWritable = isWritable;
        isOfPath = ofPath != null;
        rules = ofPath == null ? FileRules.NONE : ofPath;
        blockBytes = rules.blockBytes;
        first = channel;
        channels.add(channel);
        frames = pages.memory.frames;
        direct = frames.direct();
        pageSize = frames.pageSize;
        unit = pages.blockPages * pageSize;
        writes = new PageWrites();
        pages.allowReclaim();
        pages.eviction().evictUrgentlyBy(this::evictUrgently);
    }

    /**
     * Returns whether the pages may serve a later open, if the host's file is still unchanged then. The file has no
     * opens, and was saved. It must not have been open for writing: an open that only reads would otherwise have a file
     * that can be written, and the pages could differ from the host's file, after a failed write or a store through a
     * pin. A lock must end with the last open.
     */
    boolean mayBeKept() {
        return openedAs != null && !isWritable && rules.lock == null && !PathOpen.isLocked(key);
    }

    /**
     * Acquires the locks of the write-back and of the reads, in this order. The caller holds the lock of the changes,
     * so afterwards it holds all locks.
     */
    private void lockPages() {
        boolean isDone = false;
        writeBack.lock();
        try {
            invalidate.lock();
            isDone = true;
        } finally {
            if (!isDone) {
                writeBack.unlock();
            }
        }
    }

    private void unlockPages() {
        try {
            invalidate.unlock();
        } finally {
            writeBack.unlock();
        }
    }

    /**
     * Checks that the thread is not executing a hook of this file, which it is about to use.
     *
     * @param what the call that uses the file, for messages
     * @throws IllegalStateException if the thread is executing such a hook
     */
    void checkNoHook(String what) {
        if (rules.hooks == null) {
            return;
        }
        for (Entered at = CURRENT.get(); at != null; at = at.outer) {
            if (at.inode == this) {
                throw new IllegalStateException(
                        what + " was called by a hook of " + this + ", whose locks are held during the hook");
            }
        }
    }

    /**
     * Calls a hook.
     *
     * @param call {@code afterRead} with a page that was just read, or {@code beforeWrite} with the copy of a page
     * @return whether the page may be inserted into the cache, or written to the host
     */
    private boolean answer(PageHooks hooks, String call, long offset, ByteBuffer page) {
        Entered outer = CURRENT.get();
        CURRENT.set(new Entered(this, outer));
        try {
            ByteBuffer readOnly = page.slice().asReadOnlyBuffer();
            return call.equals("afterRead") ? hooks.afterRead(offset, readOnly) : hooks.beforeWrite(offset, readOnly);
        } catch (Throwable thrown) {
            String message = call + " of the hooks of " + this + " at " + offset;
            files.reporter.accept(new Report(Report.Kind.CALLBACK_FAILED, message, thrown));
            return false;
        } finally {
            if (outer == null) {
                CURRENT.remove();
            } else {
                CURRENT.set(outer);
            }
        }
    }

    /**
     * Records a failed write.
     *
     * @param failure a negated errno
     */
    private synchronized void noteFailure(long failure) {
        failures++;
        lastFailure = failure;
        isTold = false;
    }

    /** Adopts the size of the host's file; see {@link dev.samara.core.backing.HostFile#revalidate}. */
    long revalidate() {
        try {
            return look();
        } catch (IOException failed) {
            return Errno.of(failed).result();
        }
    }

    /** Adopts the size like {@link #revalidate}, but throws the exception of the host. */
    long look() throws IOException {
        ThreadCpus.checkMayWait("a check of a file");
        changes.lock();
        try {
            if (isTooLong()) {
                undo(overgrown);
            }
            if (isKnown(channel.size())) {
                return 0;
            }
            lockPages();
            try {
                long found = channel.size();
                if (isKnown(found)) {
                    return 0;
                }
                if (found > pages.size()) {
                    return follow(found);
                }
                pages.truncate(found);
                return 0;
            } finally {
                unlockPages();
            }
        } finally {
            changes.unlock();
        }
    }

    /** Returns whether the host's file may be longer than needed because of a failed growth. */
    private boolean isTooLong() {
        return overgrown != NONE;
    }

    /** Returns whether the size of the host's file differs from the size in the page cache. Acquires no lock. */
    private boolean isOther() {
        try {
            return channel.size() != pages.size();
        } catch (IOException failed) {
            // The caller then revalidates the size, and that call returns the error.
            return true;
        }
    }

    /** Returns whether a size of the host's file is explained without a change by another program. */
    private boolean isKnown(long found) {
        return found == pages.size() || (found > pages.size() && isTooLong());
    }

    /**
     * Extends the page cache to the size of the host's file, to which another program has appended bytes. The last page
     * or block is removed, so that it is read again with the new bytes. If it may be dirty, the new bytes are written
     * to it instead, so that no store is lost. The caller holds all locks.
     */
    private long follow(long found) throws IOException {
        long size = pages.size();
        long start = size / unit * unit;
        long last = start / pageSize;
        if (size % unit != 0 && isWritable) {
            ByteBuffer rest = ByteBuffer.allocate((int) (Math.min(start + unit, found) - size));
            if (!readFully(rest, size)) {
                // The file was truncated again. The next check finds its new size.
                return 0;
            }
            // The lock excludes evictions of the page during the check and the write.
            pages.lock();
            try {
                rest.flip();
                if (pages.frameAt(last) >= 0 && pages.frameAt(size / pageSize) < 0 && size % pageSize != 0) {
                    // The page is apart from its block and not in memory, so it is read with the new bytes.
                    rest.position(Math.min(rest.limit(), pageSize - (int) (size % pageSize)));
                }
                int length = rest.remaining();
                if (pages.frameAt(last) >= 0 && pages.pwrite(rest, size + rest.position()) != length) {
                    return Errno.EIO.result();
                }
            } finally {
                pages.unlock();
            }
        } else if (size % unit != 0) {
            pages.remove(last, pages.blockPages);
        }
        pages.truncate(found);
        return 0;
    }

    /** Makes the file at least {@code bytes} bytes long; see {@link dev.samara.core.backing.HostFile#grow}. */
    long grow(long bytes) {
        changes.lock();
        try {
            long failed = revalidate();
            if (failed != 0 || bytes <= pages.size()) {
                return failed;
            }
            failed = growHost(bytes);
            if (failed == 0) {
                pages.truncate(bytes);
            }
            return failed;
        } finally {
            changes.unlock();
        }
    }

    /**
     * Extends the host's file with zeros to at least {@code bytes} bytes. The caller holds the lock of the changes.
     *
     * @return 0, or a negated errno
     */
    private long growHost(long bytes) {
        try {
            if (channel.size() >= bytes) {
                return 0;
            }
        } catch (IOException failed) {
            return Errno.of(failed).result();
        }
        try {
            // Writing a byte is the only way in which a channel of the JDK can extend a file. The bytes before it
            // become a hole if the file system supports holes.
            return writeHost(ByteBuffer.allocate(1), bytes - 1) ? 0 : Errno.EIO.result();
        } catch (IOException failed) {
            // A failed write may nevertheless have extended the file.
            undo(bytes);
            return Errno.of(failed).result();
        }
    }

    /** Fills the remaining bytes of a buffer from the host. Returns false at the end of the host's file. */
    private boolean readFully(ByteBuffer target, long offset) throws IOException {
        HostChannel from = channel;
        long before = offset - target.position();
        while (target.hasRemaining()) {
            if (from.read(target, before + target.position()) < 0) {
                return false;
            }
        }
        return true;
    }

    /**
     * Writes the remaining bytes of a buffer to the host. Returns whether all were written; false if a write writes
     * none.
     */
    private boolean writeFully(ByteBuffer source, long offset) throws IOException {
        HostChannel to = channel;
        long before = offset - source.position();
        while (source.hasRemaining()) {
            if (to.write(source, before + source.position()) <= 0) {
                return false;
            }
        }
        return true;
    }

    private boolean writeHost(ByteBuffer bytes, long offset) throws IOException {
        try {
            return writeFully(bytes, offset);
        } finally {
            // Counted after the write, because a force that started before it may not cover it.
            writes.noteChange();
        }
    }

    /**
     * Writes bytes beyond the end to the host before they are written to pages, so that the writing call itself reports
     * a full device. If bytes may be written to the host only by write-backs, writes a zero for each instead, because a
     * hole would reserve no room. The caller holds the lock of the changes, and afterwards writes the pages, or calls
     * {@link #undo}.
     *
     * @param source the bytes; its position does not change
     * @param offset the offset of the first byte, at or beyond the end of the file
     * @return the number of bytes written, at least 1; a negated errno if no byte was written
     */
    private int extend(ByteBuffer source, long offset) {
        ByteBuffer rest = rules.holdsWrites() ? ByteBuffer.allocate(source.remaining()) : source.duplicate();
        int start = rest.position();
        long failed = Errno.EIO.result();
        try {
            writeHost(rest, offset);
        } catch (IOException refused) {
            failed = Errno.of(refused).result();
        }
        int done = rest.position() - start;
        return done > 0 ? done : (int) failed;
    }

    /**
     * Truncates the host's file to the size in the page cache, after a growth that was not needed. Does not truncate
     * the file if another program has extended it further. The caller holds the lock of the changes.
     *
     * @param grown the size after the growth
     */
    private void undo(long grown) {
        try {
            HostChannel host = channel;
            if (host.size() == grown && grown > pages.size()) {
                host.truncate(pages.size());
            }
            overgrown = NONE;
        } catch (IOException failed) {
            // Until the next attempt, the file has more bytes than needed.
            overgrown = grown;
        } finally {
            writes.noteChange();
        }
    }

    /** Changes the size; see {@link dev.samara.core.backing.HostFile#truncate}. */
    long truncate(long bytes) {
        changes.lock();
        try {
            // Called before the other locks are acquired, because it may acquire them itself.
            long failed = revalidate();
            return failed != 0 ? failed : changeSize(bytes);
        } finally {
            changes.unlock();
        }
    }

    /** The caller holds the lock of the changes, and has revalidated the size. */
    private long changeSize(long bytes) {
        lockPages();
        try {
            long failed = bytes > pages.size() ? growHost(bytes) : 0;
            if (failed != 0) {
                return failed;
            }
            if (bytes < pages.size()) {
                cutHost(bytes);
            }
            if (bytes != pages.size()) {
                pages.truncate(bytes);
            }
            return 0;
        } catch (IOException failed) {
            return Errno.of(failed).result();
        } finally {
            unlockPages();
        }
    }

    private void cutHost(long bytes) throws IOException {
        HostChannel host = channel;
        try {
            host.truncate(bytes);
        } catch (IOException failed) {
            // A failed truncation may nevertheless have taken effect, and then the pages must also be truncated.
            if (host.size() != bytes) {
                throw failed;
            }
        } finally {
            writes.noteChange();
        }
    }

    /**
     * Returns the frame of a page; reads the page if it is not in memory, and with it the pages that follow, up to the
     * next page that is in memory.
     *
     * @param page the page
     * @param most the maximum number of pages that are read at once, from {@code page} on
     * @param isScan whether the pages after {@code page} are read ahead, because {@code page} is accessed
     * @return the frame; {@link #BEYOND}, {@link FilePages#NO_MEMORY} or {@link #UNREADABLE}
     */
    int fetch(long page, int most, boolean isScan) {
        // Otherwise an overflow could lose frames between their allocation and the list that frees them.
        StackReserve.check(DEPTH);
        files.limit.makeRoom(pages);
        int count = most;
        int retries = 0;
        for (int attempt = 0; attempt < ATTEMPTS; ) {
            int frame = retries <= UNLOCKED_RETRIES ? fetchOnce(page, count, isScan) : fetchAlone(page);
            if (frame == UNREADABLE && count > 1) {
                // Retries with the requested page alone, because possibly only one of the others cannot be read.
                count = 1;
            } else if (frame == FilePages.STALE) {
                count = 1;
                retries++;
            } else if (frame == FilePages.EVICTED) {
                pages.awaitEviction(page);
            } else if (frame != SHORT || revalidate() != 0) {
                return frame == SHORT ? UNREADABLE : frame;
            } else {
                // Another program has truncated the file, so its size was read again before the retry.
                attempt++;
            }
        }
        return UNREADABLE;
    }

    private int fetchOnce(long page, int most, boolean isScan) {
        boolean isOfBlocks = pages.blockPages > 1;
        long first = page & -pages.blockPages;
        if (isOfBlocks && pages.frameAt(first) != Frames.NONE) {
            // An eviction has put the block back in the meantime, or the page is apart from its block.
            return readApart(page);
        }
        int wanted = isOfBlocks ? absentBlocks(first, page, most) : most;
        ReadArraysPool.ReadArrays arrays = pool.take(wanted);
        int[] fresh = arrays.fresh;
        try {
            int count = isOfBlocks
                    ? pages.allocateBlocks(first, fresh, wanted)
                    : pages.allocateForRead(page, fresh, absent(page, most));
            if (count == 0) {
                return FilePages.NO_MEMORY;
            }
            return read(first, arrays, count, page, isScan);
        } finally {
            // If this fails, the arrays may still contain frames, and are not used again.
            pages.freeRead(fresh, wanted);
            pool.giveBack(arrays);
        }
    }

    /** Reads a page of a block that is in memory, unless the page is in memory, too. */
    private int readApart(long page) {
        int known = pages.frameAt(page);
        if (known != Frames.NONE || page >= pages.pages()) {
            return known;
        }
        ReadArraysPool.ReadArrays arrays = pool.take(1);
        try {
            int count = pages.allocateForRead(page, arrays.fresh, 1);
            return count == 0 ? FilePages.NO_MEMORY : read(page, arrays, 1, page, false);
        } finally {
            pages.freeRead(arrays.fresh, 1);
            pool.giveBack(arrays);
        }
    }

    /**
     * Returns the number of pages to read: whole blocks, up to the next one in memory, or the end of the file.
     *
     * @param first the first page of the block of {@code page}
     */
    private int absentBlocks(long first, long page, int most) {
        int size = pages.blockPages;
        int wanted = (int) (page - first + most) / size * size;
        int count = size;
        while (count < wanted && first + count < pages.pages() && pages.frameAt(first + count) == Frames.NONE) {
            count += size;
        }
        return count;
    }

    /** Returns the number of pages to read: from {@code page} up to the next page in memory, or the end of the file. */
    private int absent(long page, int most) {
        int count = 1;
        while (count < most && page + count < pages.pages() && pages.frameAt(page + count) == Frames.NONE) {
            count++;
        }
        return count;
    }

    /** Reads a page while write-backs are excluded, because the page was written during each of the earlier reads. */
    private int fetchAlone(long page) {
        writeBack.lock();
        try {
            return fetchOnce(page, 1, false);
        } finally {
            writeBack.unlock();
        }
    }

    /**
     * Reads pages into frames, and inserts them.
     *
     * @param first the first page; of a read of several blocks, the first one of a block
     * @param page the accessed page
     */
    private int read(long first, ReadArraysPool.ReadArrays arrays, int count, long page, boolean isScan) {
        invalidate.lockShared();
        try {
            // Started before the bytes are read, so that a write or removal after this makes them stale.
            FilePages.PageRead read = pages.beginRead(first, count);
            try {
                if (read.length <= 0) {
                    return BEYOND;
                }
                long start = first * pageSize;
                boolean isOfBlocks = count > 1 && pages.blockPages > 1;
                int filled = isOfBlocks ? (read.count + pages.blockPages - 1) & -pages.blockPages : read.count;
                if (!fill(arrays, read.count, filled, start, read.length)) {
                    return SHORT;
                }
                PageHooks of = rules.hooks;
                boolean areAccepted = of == null || areAccepted(of, arrays.fresh, read.count, start, read.length);
                if (!areAccepted) {
                    return UNREADABLE;
                }
                return isOfBlocks
                        ? pages.insertBlocks(read, arrays.fresh, page, isScan)
                        : pages.insertRead(read, arrays.fresh, isScan);
            } finally {
                pages.endRead(read);
            }
        } catch (IOException failed) {
            return UNREADABLE;
        } finally {
            invalidate.unlockShared();
        }
    }

    /**
     * Fills frames with bytes of the file, and the rest of the last frame and of its block with zeros. Returns false if
     * the host's file is too short for these bytes.
     *
     * @param count the number of frames that get bytes of the file
     * @param filled the number of all frames to be filled
     */
    private boolean fill(ReadArraysPool.ReadArrays arrays, int count, int filled, long start, long wanted)
            throws IOException {
        boolean isFilled = direct != null
                ? fillInPlace(direct, arrays, count, start, wanted)
                : fillByBuffer(arrays.fresh, count, start, (int) wanted);
        int rest = (int) ((long) count * pageSize - wanted);
        if (isFilled && rest > 0) {
            frames.store.fill(arrays.fresh[count - 1], pageSize - rest, rest, (byte) 0);
        }
        for (int i = count; isFilled && i < filled; i++) {
            frames.store.fill(arrays.fresh[i], 0, pageSize, (byte) 0);
        }
        return isFilled;
    }

    private boolean fillByBuffer(int[] fresh, int count, long start, int wanted) throws IOException {
        ByteBuffer buffer = files.buffers.take(wanted);
        try {
            if (!readFully(buffer.limit(wanted), start)) {
                return false;
            }
            for (int i = 0; i < count; i++) {
                int at = i * pageSize;
                frames.store.write(fresh[i], 0, buffer, at, Math.min(pageSize, wanted - at));
            }
            return true;
        } finally {
            files.buffers.giveBack(buffer);
        }
    }

    /** Reads each run of consecutive frames with one call, or with several calls if the run is in several buffers. */
    private boolean fillInPlace(
            DirectFrames direct, ReadArraysPool.ReadArrays arrays, int count, long start, long wanted)
            throws IOException {
        int[] fresh = arrays.fresh;
        int from = 0;
        while (from < count) {
            int to = from + 1;
            while (to < count && fresh[to] == fresh[to - 1] + 1 && direct.areTogether(fresh[from], fresh[to])) {
                to++;
            }
            long before = (long) from * pageSize;
            int length = (int) Math.min((long) (to - from) * pageSize, wanted - before);
            if (!readFully(direct.bytes(fresh[from], length, arrays.views), start + before)) {
                return false;
            }
            from = to;
        }
        return true;
    }

    /** Returns whether the hooks of the file accept all pages that were read. */
    private boolean areAccepted(PageHooks of, int[] fresh, int count, long start, long wanted) {
        for (int i = 0; i < count; i++) {
            long before = (long) i * pageSize;
            int length = (int) Math.min(pageSize, wanted - before);
            ByteBuffer page;
            if (direct != null) {
                page = direct.bytes(fresh[i], length);
            } else {
                page = ByteBuffer.allocate(length);
                frames.store.read(fresh[i], 0, page, 0, length);
            }
            if (!answer(of, "afterRead", start + before, page)) {
                return false;
            }
        }
        return true;
    }

    /**
     * Reads bytes of the file; see {@link dev.samara.core.backing.HostFile#pread}.
     *
     * @param ahead the read-ahead of the open; null if the open is direct
     */
    long pread(ByteBuffer target, long offset, OpenHostFile.@Nullable ReadAhead ahead) {
        long done = 0;
        long failed = 0;
        boolean isAtEnd = false;
        do {
            long at = offset + done;
            long part = pages.pread(target, at);
            if (part == Errno.EAGAIN.result()) {
                part = readUncached(target, at, ahead == null, null);
                failed = part == 0 ? fetched(at / pageSize, ahead) : 0;
            } else if (part < 0) {
                failed = part;
            } else if (part == 0) {
                if (isAtEnd || !target.hasRemaining() || !isOther()) {
                    break;
                }
                // The read is at the end of the file as the cache knows it, but another program has changed the size.
                isAtEnd = true;
                failed = revalidate();
            }
            done += Math.max(part, 0);
        } while (failed == 0 && target.hasRemaining());
        return done > 0 ? done : failed;
    }

    /**
     * Reads a page. Returns a negated errno, or 0 if the page is in memory, or is beyond the end because the size
     * changed.
     */
    private long fetched(long page, OpenHostFile.@Nullable ReadAhead ahead) {
        int frame = fetch(page, ahead == null ? 1 : ahead.window(page, 0), true);
        return frame == FilePages.NO_MEMORY ? Errno.ENOMEM.result() : frame == UNREADABLE ? Errno.EIO.result() : 0;
    }

    /**
     * Reads bytes of pages that are not in memory into the remaining bytes of a buffer, and advances the buffer's
     * position by their number. May also overwrite bytes of the buffer after the new position.
     *
     * @param isAnySize whether any number of bytes may be read, because the open is direct
     * @param mapped see {@link OpenHostFile#readUncached}; null for a call
     * @return the number of bytes read; 0 if they must be read through the cache
     */
    int readUncached(ByteBuffer target, long offset, boolean isAnySize, @Nullable IntUnaryOperator mapped) {
        int fewest = isAnySize ? 1 : files.leastUncached;
        // Hooks check whole pages, so a file with hooks is read through the cache.
        if (target.remaining() < fewest || (!isAnySize && !channel.isCachedByHost()) || rules.hooks != null) {
            return 0;
        }
        int piece = piece((int) Math.max(0, Math.min(target.remaining(), pages.size() - offset)), fewest);
        if (target.isDirect()) {
            return readPages(target, offset, piece, isAnySize, mapped);
        }
        // For a heap buffer, the JDK would cache a direct buffer of the same size for this thread.
        ByteBuffer buffer = files.buffers.tryTake();
        if (buffer == null) {
            return isAnySize ? readPages(target, offset, Math.min(piece, MOST_COPIED), true, mapped) : 0;
        }
        try {
            int count = readPages(buffer, offset, piece, isAnySize, mapped);
            target.put(buffer.flip());
            return count;
        } finally {
            files.buffers.giveBackTaken(buffer);
        }
    }

    /** Returns how many bytes to read at once. The remaining bytes, if any, are enough for another piece. */
    private int piece(int length, int fewest) {
        int most = TransferBuffers.SIZE;
        return length <= most ? length : length - most >= fewest ? most : length / 2 & -pageSize;
    }

    private int readPages(
            ByteBuffer target, long offset, int piece, boolean isAnySize, @Nullable IntUnaryOperator mapped) {
        int fewest = isAnySize ? 1 : Math.max(1, files.leastUncached / pageSize);
        int count = readOnce(target, offset, piece, fewest, mapped);
        if (count == STALE && isAnySize) {
            // Retried here, because a read through the cache would bring the page into memory.
            writeBack.lock();
            try {
                count = readOnce(target, offset, piece, fewest, mapped);
            } finally {
                writeBack.unlock();
            }
        }
        return Math.max(count, 0);
    }

    /**
     * Reads pages once. Returns the number of bytes; 0 if the pages must be read through the cache; or {@link #STALE}.
     */
    private int readOnce(ByteBuffer target, long offset, int piece, int fewest, @Nullable IntUnaryOperator mapped) {
        int start = target.position();
        int limit = target.limit();
        int count = 0;
        invalidate.lockShared();
        try {
            // Read after the lock was acquired, so that the size can only grow afterwards.
            long end = Math.min(offset + piece, pages.size());
            long first = offset / pageSize;
            long most = (end + pageSize - 1) / pageSize - first;
            FilePages.PageRead read = most < fewest ? null : pages.beginUncachedRead(first, fewest, (int) most);
            if (read == null) {
                return 0;
            }
            int unchanged = 0;
            try {
                end = Math.min(end, (first + read.count) * pageSize);
                readFully(target.limit(start + (int) (end - offset)), offset);
            } finally {
                unchanged = endRead(read, mapped);
            }
            count = (int) Math.max(0, Math.min(target.position() - start, (first + unchanged) * pageSize - offset));
            return unchanged == 0 ? STALE : count;
        } catch (IOException failed) {
            // The read through the cache determines which page failed, and returns the error to the caller.
            return 0;
        } finally {
            invalidate.unlockShared();
            target.limit(limit).position(start + count);
        }
    }

    /** Ends the read. Returns the number of pages, from the first one on, whose bytes are valid. */
    private int endRead(FilePages.PageRead read, @Nullable IntUnaryOperator mapped) {
        if (mapped == null) {
            return pages.endRead(read);
        }
        int absent = 0;
        try {
            // Checked before the end of the read, because up to then these bytes are known to be the file's.
            absent = mapped.applyAsInt(read.count);
        } finally {
            absent = Math.min(absent, pages.endUncachedUnchanged(read));
        }
        return absent;
    }

    /**
     * Writes bytes of the file; see {@link dev.samara.core.backing.HostFile#pwrite}.
     *
     * @param offset the offset of the first byte; {@link #END} to write at the end of the file
     * @param isDirect whether writes of pages that are not in memory bypass the cache
     * @return the number of bytes written, or the offset of the first byte if it was {@link #END}; a negated errno if
     *     no byte was written
     */
    long pwrite(ByteBuffer source, long offset, boolean isDirect) {
        if (offset != END && offset + source.remaining() < 0) {
            return Errno.EINVAL.result();
        }
        changes.lock();
        try {
            long failed = revalidate();
            if (failed != 0) {
                return failed;
            }
            long start = offset == END ? pages.size() : offset;
            if (start + source.remaining() < 0) {
                return Errno.EFBIG.result();
            }
            long done = isDirect ? writeDirect(source, start) : write(source, start, true);
            return done < 0 || offset != END ? done : start;
        } finally {
            changes.unlock();
        }
    }

    /**
     * Writes bytes in several parts, so that a long write makes room in between. The caller holds the lock of the
     * changes.
     *
     * @param mayGrow whether the file grows if the bytes extend beyond its end; otherwise the write ends there
     * @return the number of bytes written; a negated errno if no byte was written
     */
    private long write(ByteBuffer source, long offset, boolean mayGrow) {
        int start = source.position();
        long failed = 0;
        boolean isFetched = false;
        while (failed == 0 && source.hasRemaining()) {
            if (!isFetched) {
                // Room is not made after a page was read for this write. If no other page is clean, that page would be
                // evicted each time, and the write would never end.
                files.background.balance();
                files.limit.makeRoom(pages);
            }
            long at = offset + source.position() - start;
            failed = writePart(source, at, mayGrow);
            isFetched = failed == Errno.EAGAIN.result();
            if (isFetched) {
                // The file may have been truncated in the meantime, so the retry checks its end again.
                failed = fetched((offset + source.position() - start) / pageSize, null);
            }
        }
        int done = source.position() - start;
        return done > 0 ? done : failed;
    }

    /**
     * Writes some of the remaining bytes. Returns 0 or a negated errno; in both cases some of these bytes may have been
     * written.
     */
    private long writePart(ByteBuffer source, long offset, boolean mayGrow) {
        int limit = source.limit();
        int start = source.position();
        // Ends with a block, so that the next part need not read its block first.
        int before = pages.blockPages == 1 ? 0 : (int) (offset & unit - 1);
        source.limit(Math.min(limit, start + MOST_BYTES - before));
        long end = offset + source.remaining();
        long known = pages.size();
        try {
            if (end <= known) {
                return Math.min(pages.pwrite(source, offset), 0);
            }
            return mayGrow ? grow(source, offset, Math.max(offset, known)) : BEYOND_END;
        } finally {
            source.limit(limit);
        }
    }

    /**
     * Writes bytes that extend beyond the end of the file, as many as the device has room for. The bytes from the
     * offset {@code from} on are beyond the end.
     */
    private long grow(ByteBuffer source, long offset, long from) {
        long first = offset / unit * unit;
        if (first != offset && first < pages.size() && pages.frameAt(first / pageSize) < 0) {
            // The page or block is read first, because if this failed after the host's file was extended, the extension
            // would be useless.
            return Errno.EAGAIN.result();
        }
        int inFile = (int) (from - offset);
        int start = source.position();
        int added = extend(source.position(start + inFile), from);
        source.position(start);
        if (added < 0 && inFile == 0) {
            return added;
        }
        int missing = source.remaining() - inFile - Math.max(added, 0);
        source.limit(source.limit() - missing);
        long failed = Math.min(pages.pwrite(source, offset), 0);
        if (added > 0 && pages.size() < from + added) {
            undo(from + added);
        }
        // A short write ends this call; the next one returns the error.
        return failed == 0 && missing > 0 ? Errno.EIO.result() : failed;
    }

    /**
     * Writes bytes. Whole pages that are not in memory bypass the cache; all other pages are written one by one like in
     * {@link #write}. The caller holds the lock of the changes.
     *
     * @return the number of bytes written; a negated errno if no byte was written
     */
    private long writeDirect(ByteBuffer source, long offset) {
        int start = source.position();
        long failed = 0;
        while (failed == 0 && source.hasRemaining()) {
            int before = source.position();
            long at = offset + before - start;
            failed = writeUncached(source, at, before == start);
            if (failed == 0 && source.position() == before) {
                failed = writeToPageEnd(source, at);
            }
        }
        int done = source.position() - start;
        return done > 0 ? done : failed;
    }

    /**
     * Writes bytes up to the end of a page. Returns 0 or a negated errno; in both cases some of the bytes may have been
     * written.
     */
    private long writeToPageEnd(ByteBuffer source, long offset) {
        int limit = source.limit();
        int rest = pageSize - (int) (offset % pageSize);
        source.limit(Math.min(limit, source.position() + rest));
        try {
            long done = write(source, offset, true);
            return done < 0 ? done : source.hasRemaining() ? Errno.EIO.result() : 0;
        } finally {
            source.limit(limit);
        }
    }

    /**
     * Writes some of the remaining bytes of a buffer: whole pages, up to the first page that is in memory. Advances the
     * position by the number of bytes written, and extends the file if they end beyond its end. The caller holds the
     * lock of the changes.
     *
     * @param isFirst whether the size of the host's file was already checked for these bytes
     * @return 0 or a negated errno; in both cases some of the bytes may have been written. If the result is 0 and no
     *     byte was written, the page at the offset must be written through the cache
     */
    private long writeUncached(ByteBuffer source, long offset, boolean isFirst) {
        int length = Math.min(source.remaining(), TransferBuffers.SIZE) & -pageSize;
        if (rules.holdsWrites()
                || offset % pageSize != 0
                || length == 0
                || pages.frameAt(offset / pageSize) != Frames.NONE) {
            return 0;
        }
        ByteBuffer by = source.isDirect() ? null : files.buffers.tryTake();
        if (by == null) {
            int most = source.isDirect() ? length : Math.max(pageSize, Math.min(length, MOST_COPIED));
            return writePages(source, offset, most, isFirst, null);
        }
        try {
            return writePages(source, offset, length, isFirst, by);
        } finally {
            files.buffers.giveBackTaken(by);
        }
    }

    /**
     * Writes under the lock of the write-back.
     *
     * @param by a buffer that receives the bytes and is then written; null if the source is written directly
     */
    private long writePages(ByteBuffer source, long offset, int length, boolean isFirst, @Nullable ByteBuffer by) {
        writeBack.lock();
        try {
            if (!isFirst && isCut(offset, length)) {
                return 0;
            }
            long first = offset / pageSize;
            int count = pages.beginUncachedWrite(first, length / pageSize);
            if (count == 0) {
                return 0;
            }
            int start = source.position();
            try {
                try {
                    return writeTo(source, offset, count * pageSize, by) ? 0 : Errno.EIO.result();
                } finally {
                    // Called before the end of the write, so that a read that starts after the end sees the new size. A
                    // read that started earlier is stale.
                    growPages(offset + source.position() - start, source.position() > start);
                }
            } finally {
                writes.endWrite(first, first + count - 1);
            }
        } catch (IOException failed) {
            return Errno.of(failed).result();
        } finally {
            writeBack.unlock();
        }
    }

    /**
     * Returns whether another program has truncated the file to less than the end of these bytes. A write must not undo
     * this.
     */
    private boolean isCut(long offset, int length) throws IOException {
        long known = Math.min(offset + length, pages.size());
        return offset < known && channel.size() < known;
    }

    private boolean writeTo(ByteBuffer source, long offset, int length, @Nullable ByteBuffer by) throws IOException {
        int start = source.position();
        if (by == null) {
            int limit = source.limit();
            try {
                return writeFully(source.limit(start + length), offset);
            } finally {
                source.limit(limit);
            }
        }
        try {
            return writeFully(by.put(0, source, start, length).limit(length), offset);
        } finally {
            source.position(start + by.position());
        }
    }

    /** Adopts the size to which a write beyond the end extended the host's file. */
    private void growPages(long end, boolean isWritten) {
        if (!isWritten || end <= pages.size()) {
            return;
        }
        try {
            pages.truncate(end);
        } finally {
            if (pages.size() < end) {
                undo(end);
            }
        }
    }

    /**
     * Sets bytes to zero; see {@link dev.samara.core.backing.HostFile#punch}. Other changes of the file may take place
     * between two parts of a long hole.
     */
    long punch(long offset, long length) {
        long result = revalidate();
        // Determined once, so that a call never follows a file that grows all the time.
        long end = Math.min(offset + length, pages.size());
        long at = offset;
        long checked = offset;
        int cuts = 0;
        while (result == 0 && at < end) {
            long next = punchPart(at, end);
            if (next == BEYOND_END && ++cuts < ATTEMPTS) {
                // Another program has truncated the file. The next attempt first adopts the new size.
                continue;
            }
            result = Math.min(next, 0);
            at = next;
            if (at - checked >= MOST_ZEROS) {
                checked = at;
                result = at < end && Thread.currentThread().isInterrupted() ? Errno.EINTR.result() : 0;
            }
        }
        return result == BEYOND_END ? Errno.EIO.result() : result;
    }

    /**
     * Punches the first part of a hole. Returns the offset of the next part, or a failure.
     *
     * @param end the end of the hole, at most the size of the file when the call started
     */
    private long punchPart(long at, long end) {
        ByteBuffer buffer = files.buffers.take(pageSize);
        try {
            int most = at % unit == 0 ? buffer.capacity() / pageSize : 0;
            int count = (int) Math.min(most, (end - at) / unit * pages.blockPages);
            if (count > 0 && !isLongEnd(at, end) && isHole(at / pageSize, count, buffer)) {
                return at + (long) count * pageSize;
            }
            changes.lock();
            try {
                long refused = revalidate();
                return refused != 0 ? refused : punchPart(at, Math.min(end, pages.size()), count, buffer);
            } finally {
                changes.unlock();
            }
        } finally {
            files.buffers.giveBack(buffer);
        }
    }

    /** Returns whether a part of a file that starts with a page or block is its end, and too long to be read. */
    private boolean isLongEnd(long at, long end) {
        return at % unit == 0 && end == pages.size() && end - at > MOST_ZEROS;
    }

    /**
     * Returns whether pages contain only zeros, and none of them is in memory. Such pages need no punching. The bytes
     * are read without a lock, so that other threads can change the file in the meantime. If a page was not in memory
     * when the call started, its content was that of the host's file. If the host's bytes are zeros later, then either
     * they were zeros at that time, or the page has been changed to zeros concurrently. A failure of the host is not
     * reported, because {@link #writeZeros} then reads the bytes again.
     */
    private boolean isHole(long first, int count, ByteBuffer buffer) {
        int length = count * pageSize;
        try {
            return pages.areAbsent(first, first + count - 1)
                    && readFully(buffer.clear().limit(length), first * pageSize)
                    && areZeros(buffer, 0, length);
        } catch (IOException failed) {
            return false;
        }
    }

    /**
     * Punches the first part of a hole. The caller holds the lock of the changes.
     *
     * @param most the maximum number of pages of whole blocks
     */
    private long punchPart(long at, long end, int most, ByteBuffer buffer) {
        if (at >= end) {
            return Long.MAX_VALUE;
        }
        long cut = isLongEnd(at, end) ? cutAndExtend(at) : NOT_CUT;
        if (cut != NOT_CUT) {
            return cut != 0 ? cut : end;
        }
        int count = (int) Math.min(most, (end - at) / unit * pages.blockPages);
        long next = count > 0 ? at + (long) count * pageSize : Math.min(end, (at / unit + 1) * unit);
        long failed = count > 0 ? punchPages(at / pageSize, count, buffer) : zero(at, next);
        return failed != 0 ? failed : next;
    }

    /**
     * Replaces the end of the file by a hole, which takes constant time: truncates the host's file, and extends it
     * again to the size in the page cache. If the host cannot extend the file, adopts the smaller size. The caller
     * holds the lock of the changes, and has revalidated the size.
     *
     * @param from the offset from which on the bytes become zeros, a multiple of the page size
     * @return 0; {@link #NOT_CUT}, if nothing was changed; the negated errno of the extension
     */
    private long cutAndExtend(long from) {
        long first = from / pageSize;
        lockPages();
        try {
            cutHost(from);
            long failed = growHost(pages.size());
            if (failed == 0) {
                pages.remove(first, Long.MAX_VALUE - first);
            } else {
                pages.truncate(from);
            }
            return failed;
        } catch (IOException refused) {
            return NOT_CUT;
        } finally {
            unlockPages();
        }
    }

    /**
     * Writes zeros through the pages in memory, for less than a page or block. The caller holds the lock of the
     * changes.
     */
    private long zero(long start, long end) {
        if (start >= end) {
            return 0;
        }
        long done = write(ByteBuffer.allocate((int) (end - start)), start, false);
        return done == end - start ? 0 : done < 0 ? done : pages.size() < end ? BEYOND_END : Errno.EIO.result();
    }

    /**
     * Writes zeros for whole pages to the host, and removes the pages from the cache. The caller holds the lock of the
     * changes.
     */
    private long punchPages(long first, int count, ByteBuffer zeros) {
        long failed = Errno.EIO.result();
        lockPages();
        try {
            failed = writeZeros(zeros, first * pageSize, count * pageSize);
            if (failed == 0) {
                pages.remove(first, count);
            }
            return failed;
        } finally {
            try {
                if (failed != 0 && failed != BEYOND_END) {
                    // Some of the host's bytes may be zeros by now. Pages in memory keep their content, and are marked
                    // dirty so that they are saved again.
                    pages.setDirty(first, first + count - 1);
                }
            } finally {
                unlockPages();
            }
        }
    }

    private static boolean areZeros(ByteBuffer buffer, int from, int length) {
        long bits = 0;
        for (int i = from; i < from + length; i += Long.BYTES) {
            bits |= buffer.getLong(i);
        }
        return bits == 0;
    }

    /**
     * Fills pages of the host's file with zeros. Reads the pages first, and does not write pages that already consist
     * of zeros, because they may be a hole, which takes no space. The caller holds the lock of the write-back.
     *
     * @param buffer a buffer for the bytes of the pages; at least {@code length} bytes long
     * @param length the number of bytes, a multiple of the page size
     * @return 0, a negated errno, or {@link #BEYOND_END}
     */
    private long writeZeros(ByteBuffer buffer, long offset, int length) {
        try {
            if (!readFully(buffer.clear().limit(length), offset)) {
                return BEYOND_END;
            }
            long failed = 0;
            for (int from = 0; failed == 0 && from < length; ) {
                int to = from;
                while (to < length && clear(buffer, to, pageSize)) {
                    to += pageSize;
                }
                buffer.limit(to).position(from);
                failed = writes.writeNoted(offset + from, buffer);
                buffer.limit(length);
                // The page at this position is skipped, because it already consists of zeros.
                from = to + pageSize;
            }
            return failed;
        } catch (IOException failed) {
            return Errno.of(failed).result();
        }
    }

    /** Fills a part of a buffer with zeros. Returns false if it already consisted of zeros. */
    private static boolean clear(ByteBuffer buffer, int from, int length) {
        if (areZeros(buffer, from, length)) {
            return false;
        }
        for (int i = from; i < from + length; i += ZEROS.length) {
            buffer.put(i, ZEROS, 0, Math.min(ZEROS.length, from + length - i));
        }
        return true;
    }

    /**
     * Saves one file: writes its dirty pages to the host ({@code file_write_and_wait_range}), and forces the host's
     * file to the device ({@code vfs_fsync_range}).
     *
     * <p><b>Writes</b> run one at a time, under {@code writeBack}. A page whose write failed stays dirty, unless
     * failed writes are dropped. A write-back does not extend a file that another program has truncated. A hook may
     * wait, even for other files. So it must not be called by a thread that holds a lock of another file, or for which
     * users of other files wait. For this reason, an eviction, a reclaim and a balance of dirty pages submit a task
     * instead of writing the pages of a file with hooks.
     *
     * <p><b>Forces</b> run one at a time, too. A force takes long. So that reads, writes, truncations and holes can run
     * concurrently with it, its thread holds none of their locks. This requires the following rules:
     *
     * <ul>
     *   <li><b>Success.</b> Each change of the host's file is counted once it is complete ({@link #noteChange}). A
     *       force covers the changes that were counted before it started. A save succeeds once a force covers all
     *       changes that were counted when the writes of the save were complete. By then the earlier writes of other
     *       threads are also complete, because write-backs run one at a time. So a save that starts during a force
     *       waits for this force, and for the next one, which all waiting saves share.
     *   <li><b>Failure.</b> The host reports the failure of a write to only one force, perhaps to a force that does not
     *       cover this write. The next force succeeds although the bytes are lost. So if a force fails during a save,
     *       the save fails, whichever pages it wrote. All pages that were written since the last successful force,
     *       including during the failed force, become dirty again if they are in memory, before the failure is counted.
     *       So a save that started later, and therefore does not fail, writes these pages again.
     *   <li><b>Bytes of others.</b> What other programs wrote before an open may not be on the device. An open counts
     *       as a change, so the next save that is requested forces it, as on Linux. A save at a close leaves it to
     *       those programs, and forces only if this machine has changed the file.
     *   <li><b>New files.</b> The entry of a new file is on the device only once the folder is forced. After an open
     *       that may have created the file, the next force also forces the folder. If only that fails, the save fails,
     *       and no page becomes dirty.
     * </ul>
     *
     * <p>Thread-safe.
     */
    final class PageWrites implements FilePages.PageWriter {
        /**
         * The maximum number of elements of {@link #written} and {@link #covered}. It is needed because a guest that
         * never saves may write any number of runs. If runs are merged and a force then fails, the pages between them
         * are only written once more.
         */
        private static final int MOST_RUNS = 1 << 7;

        private static final long[] NO_RUNS = {};

        /** Runs of consecutive pages of one file. For one thread. */
        private final class PageRuns {
            /**
             * The maximum number of elements of {@link #runs}. If it is exceeded, runs are merged, and include the
             * pages between them.
             */
            private final int most;

            /** The first and the last page of each run. */
            private long[] runs = NO_RUNS;

            private int size;

            private PageRuns(int most) {
                this.most = most;
            }

            private void add(long first, long last) {
                if (size > 0 && runs[size - 1] + 1 == first) {
                    runs[size - 1] = last;
                    return;
                }
                if (size == most) {
                    join();
                } else if (size == runs.length) {
                    runs = Arrays.copyOf(runs, Math.max(8, 2 * size));
                }
                runs[size++] = first;
                runs[size++] = last;
            }

            /** Merges all runs into one. */
            private void join() {
                for (int i = 2; i < size; i += 2) {
                    runs[0] = Math.min(runs[0], runs[i]);
                    runs[1] = Math.max(runs[1], runs[i + 1]);
                }
                size = 2;
            }

            /** Marks the pages of all runs that are in memory as dirty. */
            private void setDirty() {
                for (int i = 0; i < size; i += 2) {
                    pages.setDirty(runs[i], runs[i + 1]);
                }
            }
        }

        /** The first failure of this write-back that was dropped, i.e. whose pages became clean, or 0. */
        private long dropped;

        /**
         * Whether a submitted task has not ended yet.
         *
         * <p>Written: a thread that would write pages of a file with hooks in the background (compare-and-set, true);
         *     the task when it ends, or that thread if it could not submit the task (volatile, false).
         * Read: by the exchange.
         * Invariant: true while a submitted task has not ended; there is at most one per file.
         */
        private final AtomicBoolean isGiven = new AtomicBoolean();

        /** Held during a force. Acquired before the lock of the write-back. */
        private final ReentrantLock forcing = new CheckedLock();

        /**
         * The number of complete changes of the host's file, and of its opens.
         *
         * <p>Written: the opening thread; the holder of {@code writeBack} after it has written bytes to the host; the
         *     holder of the lock of the changes after it has changed the size of the host's file (get-and-add).
         * Read: a thread that saves, after its writes; the holder of {@code forcing} before a force (volatile).
         * Pairs: with {@code forced}: a change is complete before it is counted, and a force starts after the count is
         *     read.
         * Invariant: the number of complete changes of the host's file, and of its opens.
         */
        private final AtomicLong changes = new AtomicLong(1);

        /**
         * The value of {@link #changes} that counts the last change by this machine.
         *
         * <p>Written: the opening thread; a thread that changed the host's file, after it counted the change in {@code
         *     changes} (get-and-update).
         * Read: a thread that saves at a close, after its writes (volatile).
         * Pairs: with {@code forced}, as {@code changes} does.
         * Invariant: at most {@code changes}; each complete change by this machine is counted by this value or a lower
         *     one; 0 if there is none. If closes force no files, an earlier close may have left changes that are not on
         *     the device, which the first value counts.
         */
        private final AtomicLong own = new AtomicLong(files.forcesOnClose ? 0 : 1);

        /**
         * The folders of which the next force must also force the entries. A file with several names may be in several.
         *
         * <p>Written: the opening thread, before it counts the open in {@code changes} (get-and-update); the holder of
         *     {@code forcing}, after a force of the folders, unless a thread has added one since (compare-and-set).
         * Read: the holder of {@code forcing}, after it has read {@code changes} (volatile).
         * Pairs: with {@code changes}: a force that covers the open also forces the folder.
         * Invariant: the folders whose entries of this file may not be on the device; a list is never changed, and each
         *     open stores a new one.
         */
        private final AtomicReference<List<Path>> folders = new AtomicReference<>(List.of());

        /**
         * The value of {@link #changes} before the last successful force. Written under {@link #forcing}.
         *
         * <p>Written: the holder of {@code forcing}, after a successful force (volatile).
         * Read: a thread that saves, before {@code failures}; the holder of {@code forcing} (volatile).
         * Pairs: with {@code failures}: a thread that reads that its changes are forced also reads each failure of an
         *     earlier force.
         * Invariant: the value of {@code changes} at the start of the last successful force.
         */
        private volatile long forced;

        /**
         * The number of failed forces. Written under {@link #forcing}, after the pages are dirty again.
         *
         * <p>Written: the holder of {@code forcing}, after a failed force and once its pages are dirty again
         * (volatile).
         * Read: a thread that saves, before its writes, and after {@code forced}; the holder of {@code forcing}
         *     (volatile).
         * Pairs: a save that reads a number that includes a failure before its writes finds the pages of this failure
         *     dirty, and writes them; a save that reads a smaller number fails.
         * Invariant: the number of failed forces.
         */
        private volatile long failures;

        /**
         * The negated errno of the last failure.
         *
         * <p>Words: {@code failure}, {@code covered} and its contents.
         * Written: holder of {@code forcing} (plain).
         * Read: holder of {@code forcing} (plain).
         * Invariant: the errno of the last failure; the pages that were written since the last successful force, and
         *     before the force under way.
         */
        @GuardedBy("forcing")
        private long failure;

        /**
         * The pages that were written since the last force started. A thread holds its monitor, or both the lock of the
         * write-back and {@link #forcing}, because each other user holds one of these two.
         *
         * <p>Words: {@code written} and its contents.
         * Written: the holder of {@code writeBack}, or of {@code forcing} (monitor); the holder of both (plain).
         * Read: as written.
         * Invariant: the pages that were written since the last force started.
         */
        private final PageRuns written = new PageRuns(MOST_RUNS);

        /** The pages that were written since the last successful force, and before the force under way. */
        @GuardedBy("forcing")
        private final PageRuns covered = new PageRuns(MOST_RUNS);

        /**
         * Writes the dirty pages of a range, and then returns once the changes are on the device that were complete
         * after the writes. Waits for other changes, write-backs and forces. A page whose write failed stays dirty, and
         * pages that a failed force may have lost become dirty again, unless failed writes are dropped. The caller
         * holds no lock of the file.
         *
         * @param isOwn whether only the changes by this machine must be on the device
         * @return 0, or the negated errno of a failure, which is recorded
         */
        long flush(long first, long last, boolean isOwn) {
            // Read before the writes, because a force that fails after this may report the failure of one of them.
            long failuresBefore = failures;
            long failed = write(first, last);
            long unforced = force(isOwn ? own.get() : changes.get(), failuresBefore);
            return failed != 0 ? failed : unforced;
        }

        /**
         * Writes the dirty pages of a range, without forcing the file. Waits for other changes and write-backs. The
         * caller has checked that the thread may wait, and is not executing a hook of the file.
         */
        long write(long first, long last) {
            if (isTooLong()) {
                revalidate();
            }
            long failed = 0;
            for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
                failed = write(first, last, true);
                if (failed != BEYOND_END) {
                    return failed == HELD ? Errno.EAGAIN.result() : failed;
                }
                // Another program has truncated the file. The write-back does not extend it again.
                failed = revalidate();
                if (failed != 0) {
                    noteFailure(failed);
                    return failed;
                }
            }
            noteFailure(Errno.EIO.result());
            return Errno.EIO.result();
        }

        /**
         * Writes the dirty pages that evictions found, without forcing the file. Does nothing if another thread writes
         * pages of the file. The pages of a file with hooks are written later by a task, and the pages of a file with
         * {@code NO_STEAL} are not written.
         *
         * @param mayWait whether to wait for other changes and evictions of the file; otherwise waits for no lock
         */
        void writeSome(boolean mayWait) {
            if (!pages.eviction().hasDirty() || rules.isNoSteal) {
                return;
            }
            ThreadCpus.checkMayWait("a write-back");
            if (rules.hooks != null) {
                giveHooked();
            } else if (writeBack.tryLock()) {
                try {
                    write(buffer -> pages.tryWriteBack(buffer, this, mayWait));
                } finally {
                    writeBack.unlock();
                }
            }
        }

        /**
         * Writes all dirty pages in the background, without forcing the file. Waits for other changes and write-backs,
         * but does not acquire the lock of the changes. So it does not follow a change of the size by another program,
         * and pages beyond the new end stay dirty. The pages of a file with hooks are written later by a task, and the
         * pages of a file with {@code NO_STEAL} are not written.
         *
         * @param alsoFailed whether to write also pages whose last write failed
         */
        void writeAll(boolean alsoFailed) {
            if (rules.isNoSteal) {
                return;
            }
            ThreadCpus.checkMayWait("a write-back");
            if (rules.hooks != null) {
                giveHooked();
            } else {
                write(0, Long.MAX_VALUE, alsoFailed);
            }
        }

        /** Submits a task that writes the dirty pages, unless one is submitted already. */
        private void giveHooked() {
            if (!isGiven.compareAndSet(false, true)) {
                return;
            }
            boolean isTaken = false;
            try {
                files.tasks.execute(this::writeHooked);
                isTaken = true;
            } finally {
                if (!isTaken) {
                    isGiven.set(false);
                }
            }
        }

        private void writeHooked() {
            try {
                ThreadCpus.checkMayWait("a write-back");
                checkNoHook("a write-back");
                write(0, Long.MAX_VALUE, true);
            } finally {
                // Reset at the end, so that a hook that never returns blocks only one thread. Pages that became dirty
                // in the meantime are found by a later task.
                isGiven.set(false);
            }
        }

        /**
         * Writes the dirty pages of a range. Waits for other changes and write-backs. Pages whose write failed stay
         * dirty, unless failed writes are dropped.
         *
         * @param alsoFailed whether to write also pages whose last write failed
         * @return 0; a negated errno, which is recorded; {@link #BEYOND_END}, or {@link FilePages.PageWriter#HELD}
         */
        long write(long first, long last, boolean alsoFailed) {
            writeBack.lock();
            try {
                return write(buffer -> pages.writeBack(first, last, alsoFailed, buffer, this));
            } finally {
                writeBack.unlock();
            }
        }

        private long write(ToLongFunction<ByteBuffer> writeBack) {
            if (!isWritable) {
                // The file was never opened for writing, so no page of it is dirty.
                return 0;
            }
            ByteBuffer buffer = files.buffers.take(pageSize);
            try {
                dropped = 0;
                long failed = writeBack.applyAsLong(buffer);
                failed = FilePages.PageWriter.worse(failed, dropped);
                if (failed != 0 && failed != BEYOND_END && failed != HELD) {
                    noteFailure(failed);
                }
                return failed;
            } finally {
                files.buffers.giveBack(buffer);
            }
        }

        @Override
        public boolean mayWrite(long offset, ByteBuffer page) {
            PageHooks of = rules.hooks;
            return of == null || answer(of, "beforeWrite", offset, page);
        }

        @Override
        public long write(long offset, ByteBuffer bytes) {
            try {
                // A write-back does not extend a file that another program truncated.
                if (offset + bytes.remaining() > channel.size()) {
                    return BEYOND_END;
                }
                return drop(writeNoted(offset, bytes));
            } catch (IOException failed) {
                return drop(Errno.of(failed).result());
            }
        }

        /** Returns the result that the page cache receives for a write: 0 makes the pages clean. */
        private long drop(long failed) {
            if (!files.dropsFailedWrites) {
                return failed;
            }
            dropped = dropped == 0 ? failed : dropped;
            return 0;
        }

        /**
         * Writes bytes to the host, as a write that makes concurrent reads of their pages stale, and that the next
         * force covers. The caller holds the lock of the write-back.
         */
        private long writeNoted(long offset, ByteBuffer bytes) throws IOException {
            if (!bytes.hasRemaining()) {
                return 0;
            }
            long first = offset / pageSize;
            long last = (offset + bytes.remaining() - 1) / pageSize;
            pages.beginWrite(first, last);
            try {
                return writeFully(bytes, offset) ? 0 : Errno.EIO.result();
            } finally {
                endWrite(first, last);
            }
        }

        /**
         * Ends a write of pages that {@link FilePages} knows to be under way. The caller has held the lock of the
         * write-back since before the write.
         */
        private void endWrite(long first, long last) {
            pages.endWrite();
            // Counted after the write, because a force that started before it may not cover it.
            noteChange();
            synchronized (written) {
                written.add(first, last);
            }
        }

        /**
         * Returns the dirty pages of a range of pages as ranges of bytes. Waits for write-backs and other changes,
         * because a page that is being written is not clean yet.
         */
        List<DirtyRange> dirtyRanges(long first, long last) {
            PageRuns dirty = new PageRuns(Integer.MAX_VALUE);
            writeBack.lock();
            try {
                pages.findDirty(first, last, page -> dirty.add(page, page));
            } finally {
                writeBack.unlock();
            }
            List<DirtyRange> ranges = new ArrayList<>(dirty.size / 2);
            long length = pages.size();
            for (int i = 0; i < dirty.size; i += 2) {
                long start = dirty.runs[i] * pageSize;
                // The file may end within the last page, and may have been truncated since the pages were found.
                long end = Math.min((dirty.runs[i + 1] + 1) * pageSize, length);
                if (start < end) {
                    ranges.add(new DirtyRange(start, end));
                }
            }
            return ranges;
        }

        /**
         * Counts an open, before which other programs may have written bytes.
         *
         * @param newIn the file's folder if the open may have created the file
         */
        void noteOpen(@Nullable Path newIn) {
            if (newIn != null) {
                folders.updateAndGet(known -> Stream.concat(
                                known.stream().filter(each -> !each.equals(newIn)), Stream.of(newIn))
                        .toList());
            }
            changes.getAndIncrement();
        }

        /** Counts a change of the bytes or the size. The change is complete, so a force that starts now covers it. */
        private void noteChange() {
            own.accumulateAndGet(changes.incrementAndGet(), Math::max);
        }

        /**
         * Returns once the changes up to {@code wanted} are on the device. The caller holds no lock of the file.
         *
         * @param failuresBefore the number of failed forces before the writes that the caller is saving
         * @return 0, or the negated errno of a force that failed since then
         */
        private long force(long wanted, long failuresBefore) {
            // Read in this order, because a failed force counts its failure before a later force can cover the changes.
            if (forced >= wanted && failures == failuresBefore) {
                return 0;
            }
            forcing.lock();
            try {
                if (forced < wanted && failures == failuresBefore) {
                    force();
                }
                return failures == failuresBefore ? 0 : failure;
            } finally {
                forcing.unlock();
            }
        }

        @GuardedBy("forcing")
        private void force() {
            // Read before the force, which covers the changes that are complete now.
            long counted = changes.get();
            takeWritten();
            long failed = Errno.EIO.result();
            try {
                channel.force();
                // Before the folders: if their force fails, the pages are on the device.
                covered.size = 0;
                List<Path> newIn = Objects.requireNonNull(folders.get());
                for (int i = 0; i < newIn.size(); i++) {
                    forceFolder(newIn.get(i));
                }
                folders.compareAndSet(newIn, List.of());
                failed = 0;
                forced = counted;
            } catch (IOException thrown) {
                failed = Errno.of(thrown).result();
            } finally {
                if (failed != 0) {
                    noteFailedForce(failed);
                }
            }
        }

        /**
         * Forces the entries of a folder to the device. Does nothing if the host does not let this process open the
         * folder, as on Windows, if the folder was removed, or if its file system cannot force folders, such as some of
         * FUSE and of virtual machines.
         */
        private void forceFolder(Path folder) throws IOException {
            HostChannel channel;
            try {
                channel = files.opener.open(folder, Set.of(StandardOpenOption.READ));
            } catch (AccessDeniedException | NoSuchFileException impossible) {
                return;
            }
            try {
                channel.force();
            } catch (IOException failed) {
                Errno errno = Errno.of(failed);
                if (errno != Errno.EINVAL && errno != Errno.EBADF && errno != Errno.EOPNOTSUPP) {
                    throw failed;
                }
            } finally {
                PathOpen.close(channel);
            }
        }

        @GuardedBy("forcing")
        private void takeWritten() {
            synchronized (written) {
                for (int i = 0; i < written.size; i += 2) {
                    covered.add(written.runs[i], written.runs[i + 1]);
                }
                written.size = 0;
            }
        }

        /** Makes the saves that are under way fail. It is unknown whether the pages are on the device. */
        @GuardedBy("forcing")
        private void noteFailedForce(long failed) {
            try {
                noteFailure(failed);
                if (files.dropsFailedWrites) {
                    covered.size = 0;
                } else {
                    setDirty();
                }
            } finally {
                failure = failed;
                long before = failures;
                failures = before + 1;
            }
        }

        @GuardedBy("forcing")
        private void setDirty() {
            // Waits for a write that is under way, because its failure may be the reported one, and until its pages are
            // recorded.
            writeBack.lock();
            try {
                // Does not call takeWritten, because there may be no memory for it.
                covered.setDirty();
                written.setDirty();
                covered.size = 0;
                written.size = 0;
            } finally {
                writeBack.unlock();
            }
        }
    }

    /**
     * Frees pages for an access that finds no free frame. Frees clean pages; if there are none, writes dirty pages and
     * frees them.
     */
    private int evictUrgently(boolean isRetry) {
        if (isRetry) {
            pages.eviction().retry();
        }
        int freed = pages.eviction().evict(true);
        if (freed != 0 || !isWritable) {
            return freed;
        }
        writes.writeSome(false);
        return pages.eviction().evict(true);
    }

    @Override
    public String toString() {
        return "file " + name;
    }
}
