// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.backing.HostFileOption;
import dev.samara.core.backing.PageHooks;
import dev.samara.core.event.Report;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.sync.CheckedLock;
import dev.samara.core.internal.sync.CheckedLock.CheckedReadWriteLock;
import dev.samara.core.mman.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.OpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * One host file with its pages in memory, shared by all opens of the file in a machine ({@code struct inode}): its
 * channel, its size, its locks, and the failures that its opens report. {@link PageReads} reads its pages, {@link
 * PageWrites} writes them, and {@link HostBytes} reads and writes bytes by calls. Thread-safe.
 *
 * <p><b>Locks.</b> {@code changes}, {@code writeBack} and {@code invalidate} are acquired in this order. They order
 * changes of the size, write-backs and reads of the whole file; {@code PageRead} of {@link
 * dev.samara.core.internal.file} orders reads and writes of one page.
 *
 * <p><b>Size</b> ({@code ext4_setattr}). An operation that makes the file larger or smaller first changes the size of
 * the host's file, and then the size in the page cache. So the host's file is never shorter than the size in the page
 * cache, unless another program has truncated it. Another program may change the size of the host's file at any time,
 * so each operation checks that size first ({@link #revalidate}). The JDK cannot change a size conditionally. So if
 * another program changes the size between the check and the change, the result is the same as if it had done so before
 * the check.
 *
 * <p><b>Hooks</b> ({@link PageHooks}) are called while locks of the file are held. A call of the same file from a hook
 * could wait for one of these locks for ever, so each such call is rejected. A hook may call another file, whose hooks
 * may then be called within the first hook.
 *
 * <p><b>Failures</b> ({@code errseq_t}). Each open of the file reports each failed write once. An open that is created
 * after a failure also reports it, if no other open did.
 */
final class HostInode {
    /** The result of {@link #cutAndExtend} if the host did not truncate its file. No errno has this value. */
    static final long NOT_CUT = 1;

    private static final long NONE = -1;

    /**
     * The rules that the options of its first open set for a file.
     *
     * @param hooks decides whether pages may be read and written; null if there are none
     * @param isNoSteal whether dirty pages are written only by calls that request it
     * @param lock the lock of the file; null if it is not locked
     */
    record FileRules(
            @Nullable PageHooks hooks,
            boolean isNoSteal,
            @Nullable HostFileOption lock) {
        /** The rules of a file that was opened without any of these options. */
        static final FileRules NONE = new FileRules(null, false, null);

        /**
         * Returns the rules that options set.
         *
         * @throws IllegalArgumentException if the options contain two locks, or two objects with hooks
         */
        static FileRules of(Set<OpenOption> options) {
            PageHooks hooks = null;
            for (OpenOption option : options) {
                if (option instanceof PageHooks named) {
                    if (hooks != null) {
                        throw new IllegalArgumentException("options " + options + " name two objects with hooks");
                    }
                    hooks = named;
                }
            }
            boolean isExclusive = options.contains(HostFileOption.EXLOCK);
            boolean isShared = options.contains(HostFileOption.SHLOCK);
            if (isExclusive && isShared) {
                throw new IllegalArgumentException("options " + options + " name two locks");
            }
            HostFileOption lock = isExclusive ? HostFileOption.EXLOCK : isShared ? HostFileOption.SHLOCK : null;
            boolean isNoSteal = options.contains(HostFileOption.NO_STEAL);
            return hooks == null && lock == null && !isNoSteal ? NONE : new FileRules(hooks, isNoSteal, lock);
        }

        /** Returns whether the options of an open set no rule. */
        boolean isNone() {
            return hooks == null && !isNoSteal && lock == null;
        }

        /** Returns whether an open with the rules {@code other} may use the file. Compares hooks by identity. */
        boolean permits(FileRules other) {
            return other.isNone() || (hooks == other.hooks && isNoSteal == other.isNoSteal && lock == other.lock);
        }

        /**
         * Returns whether bytes are written to the host only by write-backs, so that a write-back can hold them back.
         */
        boolean holdsWrites() {
            return hooks != null || isNoSteal;
        }
    }

    /** A hook that the thread is executing. */
    private record Entered(HostInode inode, @Nullable Entered outer) {}

    private static final ThreadLocal<@Nullable Entered> CURRENT = new ThreadLocal<>();

    /** The files of the machine, with the settings for all of them. */
    final HostFiles files;

    final Object key;

    /** The name of the first open, usually the path. */
    final String name;

    final FilePages pages;
    final PageReads reads;
    final PageWrites writes;
    final HostBytes bytes;
    final HostFileChannel.ChannelLocks locks;

    /** Whether the file was opened by path, and is counted in {@link PathOpen}. */
    final boolean isOfPath;

    /** The channel of the open that created this file. */
    final HostChannel first;

    /** All channels that are closed at the end of this file. Guarded by the monitor of {@link HostFiles}. */
    private final List<HostChannel> channels = new ArrayList<>(2);

    /* How the file is used. Guarded by the monitor of {@link HostFiles}. */

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

    /** Whether a thread is saving the file, to end it unless it is opened again. */
    boolean isEnding;

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
     * @param isWritable whether the channel is open for writing
     * @param ofPath the rules of an open by path; null for a file without a path
     */
    HostInode(
            HostFiles files,
            Object key,
            String name,
            FilePages pages,
            HostChannel channel,
            boolean isWritable,
            @Nullable FileRules ofPath) {
        this.files = files;
        this.key = key;
        this.name = name;
        this.pages = pages;
        this.channel = channel;
        this.isWritable = isWritable;
        isOfPath = ofPath != null;
        rules = ofPath == null ? FileRules.NONE : ofPath;
        first = channel;
        channels.add(channel);
        writes = new PageWrites(this);
        reads = new PageReads(this);
        bytes = new HostBytes(this);
        locks = new HostFileChannel.ChannelLocks(this);
        pages.allowReclaim();
        pages.eviction().evictUrgentlyBy(this::evictUrgently);
    }

    /** Sets a channel that is open for writing. The caller holds the monitor of {@link HostFiles}. */
    void takeWritable(HostChannel writable) {
        channels.add(writable);
        channel = writable;
        isWritable = true;
    }

    /** Removes and returns all channels. The caller holds the monitor of {@link HostFiles}. */
    List<HostChannel> takeChannels() {
        List<HostChannel> all = List.copyOf(channels);
        channels.clear();
        if (isOfPath) {
            // Under the monitor, so that a later open finds this use counted as one that has ended.
            PathOpen.ending(key);
        }
        return all;
    }

    /**
     * Acquires the locks of the write-back and of the reads, in this order. The caller holds the lock of the changes,
     * so afterwards it holds all locks.
     */
    void lockPages() {
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

    void unlockPages() {
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
        if (rules.hooks() == null) {
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
    boolean answer(PageHooks hooks, String call, long offset, ByteBuffer page) {
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
    synchronized void noteFailure(long failure) {
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
    boolean isTooLong() {
        return overgrown != NONE;
    }

    /** Returns whether the size of the host's file differs from the size in the page cache. Acquires no lock. */
    boolean isOther() {
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
     * is removed, so that it is read again with the new bytes. If the page may be dirty, the new bytes are written to
     * it instead, so that no store is lost. The caller holds all locks.
     */
    private long follow(long found) throws IOException {
        int pageSize = pages.memory().frames().pageSize();
        long size = pages.size();
        long last = size / pageSize;
        if (size % pageSize != 0 && isWritable) {
            ByteBuffer rest = ByteBuffer.allocate((int) (Math.min((last + 1) * pageSize, found) - size));
            if (!HostChannel.readFully(channel, rest, size)) {
                // The file was truncated again. The next check finds its new size.
                return 0;
            }
            // The lock excludes evictions of the page during the check and the write.
            pages.lock();
            try {
                int length = rest.flip().remaining();
                if (pages.frameAt(last) >= 0 && pages.pwrite(rest, size) != length) {
                    return Errno.EIO.result();
                }
            } finally {
                pages.unlock();
            }
        } else if (size % pageSize != 0) {
            pages.remove(last, 1);
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
            return write(ByteBuffer.allocate(1), bytes - 1) == 1 ? 0 : Errno.EIO.result();
        } catch (IOException failed) {
            // A failed write may nevertheless have extended the file.
            undo(bytes);
            return Errno.of(failed).result();
        }
    }

    private int write(ByteBuffer bytes, long offset) throws IOException {
        try {
            return channel.write(bytes, offset);
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
    int extend(ByteBuffer source, long offset) {
        ByteBuffer rest = rules.holdsWrites() ? ByteBuffer.allocate(source.remaining()) : source.duplicate();
        int start = rest.position();
        long failed = Errno.EIO.result();
        try {
            int written = 1;
            while (written > 0 && rest.hasRemaining()) {
                written = write(rest, offset + rest.position() - start);
            }
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
    void undo(long grown) {
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
        ThreadCpus.checkMayWait("a truncation");
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
     * Truncates the host's file, and extends it again to the size in the page cache, so that its end becomes a hole. If
     * the host cannot extend the file, adopts the smaller size. The caller holds all locks, has revalidated the size,
     * and afterwards removes the pages from {@code bytes} on.
     *
     * @return 0; {@link #NOT_CUT}, if nothing was changed; the negated errno of the extension
     */
    long cutAndExtend(long bytes) {
        try {
            cutHost(bytes);
        } catch (IOException refused) {
            return NOT_CUT;
        }
        long failed = growHost(pages.size());
        if (failed != 0) {
            pages.truncate(bytes);
        }
        return failed;
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
        writes.writeSome();
        return pages.eviction().evict(true);
    }

    /**
     * Closes the page cache and all channels. The caller is the last user.
     *
     * @return 0, or the negated errno of a failed close, in which case some bytes may not have been written. A failed
     *     close of a file that was only read returns 0
     */
    long end(List<HostChannel> ending) {
        long failure = 0;
        try {
            pages.close();
        } finally {
            IOException failed = isOfPath ? PathOpen.close(key, ending) : endLent(ending);
            failure = failed == null ? 0 : Errno.of(failed).result();
        }
        return isWritable ? failure : 0;
    }

    /** Ends the file of a channel that stays open, and whose locks would therefore stay, too. */
    private @Nullable IOException endLent(List<HostChannel> ending) {
        IOException failed = null;
        try {
            locks.releaseAll(null);
        } catch (IOException kept) {
            failed = kept;
        }
        IOException notClosed = PathOpen.closeAll(ending);
        return notClosed == null ? failed : notClosed;
    }

    @Override
    public String toString() {
        return "file " + name;
    }
}
