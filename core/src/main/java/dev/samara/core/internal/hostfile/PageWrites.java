// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.backing.HostFile.DirtyRange;
import dev.samara.core.backing.PageHooks;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.sync.CheckedLock;
import dev.samara.core.mman.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.ToLongFunction;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Saves one file: writes its dirty pages to the host ({@code file_write_and_wait_range}), and forces the host's file to
 * the device ({@code vfs_fsync_range}).
 *
 * <p><b>Writes</b> run one at a time, under {@code HostInode.writeBack}. A page whose write failed stays dirty, unless
 * failed writes are dropped. A write-back does not extend a file that another program has truncated. A hook may wait,
 * even for other files. So it must not be called by a thread that holds a lock of another file, or for which users of
 * other files wait. For this reason, an eviction, a reclaim and a balance of dirty pages submit a task instead of
 * writing the pages of a file with hooks.
 *
 * <p><b>Forces</b> run one at a time, too. A force takes long. So that reads, writes, truncations and holes can run
 * concurrently with it, its thread holds none of their locks. This requires the following rules:
 *
 * <ul>
 *   <li><b>Success.</b> Each change of the host's file is counted once it is complete ({@link #noteChange}). A force
 *       covers the changes that were counted before it started. A save succeeds once a force covers all changes that
 *       were counted when the writes of the save were complete. By then the earlier writes of other threads are also
 *       complete, because write-backs run one at a time. So a save that starts during a force waits for this force, and
 *       for the next one, which all waiting saves share.
 *   <li><b>Failure.</b> The host reports the failure of a write to only one force, perhaps to a force that does not
 *       cover this write. The next force succeeds although the bytes are lost. So if a force fails during a save, the
 *       save fails, whichever pages it wrote. All pages that were written since the last successful force, including
 *       during the failed force, become dirty again if they are in memory, before the failure is counted. So a save
 *       that started later, and therefore does not fail, writes these pages again.
 *   <li><b>Bytes of others.</b> What other programs wrote before an open may not be on the device. An open counts as a
 *       change, so the next save that is requested forces it, as on Linux. A save at a close leaves it to those
 *       programs, and forces only if this machine has changed the file.
 *   <li><b>New files.</b> The entry of a new file is on the device only once the folder is forced. After an open that
 *       may have created the file, the next force also forces the folder. If only that fails, the save fails, and no
 *       page becomes dirty.
 * </ul>
 *
 * <p>Thread-safe.
 */
final class PageWrites implements FilePages.PageWriter {
    /** The host's file is shorter than the size in the page cache. No errno has this value. */
    static final long SHORT = -4096;

    /**
     * The maximum number of elements of {@link #written} and {@link #covered}. It is needed because a guest that never
     * saves may write any number of runs. If runs are merged and a force then fails, the pages between them are only
     * written once more.
     */
    private static final int MOST_RUNS = 1 << 7;

    /** Runs of consecutive pages of one file. For one thread. */
    static final class PageRuns {
        /**
         * The maximum number of elements of {@link #runs}. If it is exceeded, runs are merged, and include the pages
         * between them.
         */
        private final int most;

        /** The first and the last page of each run. */
        private long[] runs = {};

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
        private void setDirty(FilePages pages) {
            for (int i = 0; i < size; i += 2) {
                pages.setDirty(runs[i], runs[i + 1]);
            }
        }

        /** Returns the number of pages. */
        long pages() {
            long pages = 0;
            for (int i = 0; i < size; i += 2) {
                pages += runs[i + 1] - runs[i] + 1;
            }
            return pages;
        }

        /** Returns the first page of the first run, of which there is one. */
        long first() {
            return runs[0];
        }

        /** Returns the runs as byte ranges of a file. */
        List<DirtyRange> ranges(FilePages of) {
            List<DirtyRange> ranges = new ArrayList<>(size / 2);
            int pageSize = of.memory().frames().pageSize();
            long length = of.size();
            for (int i = 0; i < size; i += 2) {
                long start = runs[i] * pageSize;
                // The file may end within the last page, and may have been truncated since the pages were found.
                long end = Math.min((runs[i + 1] + 1) * pageSize, length);
                if (start < end) {
                    ranges.add(new DirtyRange(start, end));
                }
            }
            return ranges;
        }
    }

    private final HostInode inode;
    private final FilePages pages;
    private final int pageShift;

    /** The first failure of this write-back that was dropped, i.e. whose pages became clean, or 0. */
    private long dropped;

    /**
     * Whether a submitted task has not ended yet.
     *
     * <p>Written: a thread that would write pages of a file with hooks in the background (compare-and-set, true); the
     *     task when it ends, or that thread if it could not submit the task (volatile, false).
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
     * Invariant: at most {@code changes}; each complete change by this machine is counted by this value or a lower one;
     *     0 if there is none.
     */
    private final AtomicLong own;

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
     * <p>Written: the holder of {@code forcing}, after a failed force and once its pages are dirty again (volatile).
     * Read: a thread that saves, before its writes, and after {@code forced}; the holder of {@code forcing} (volatile).
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
     * Invariant: the errno of the last failure; the pages that were written since the last successful force, and before
     *     the force under way.
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

    /** Creates the writes of a file that was just opened. */
    PageWrites(HostInode inode) {
        this.inode = inode;
        pages = inode.pages;
        pageShift = Integer.numberOfTrailingZeros(inode.pages.memory().frames().pageSize());
        // If closes force no files, an earlier close may have left changes that are not on the device.
        own = new AtomicLong(inode.files.forcesOnClose ? 0 : 1);
    }

    /**
     * Writes the dirty pages of a range, and forces the file. Waits for other changes, write-backs and forces. A page
     * whose write failed stays dirty, and pages that a failed force may have lost become dirty again, unless failed
     * writes are dropped.
     *
     * @return 0, or the negated errno of a failure, which is recorded
     */
    long flush(long first, long last) {
        return flush(first, last, false);
    }

    /** Writes all dirty pages like {@link #flush}, and forces the file if this machine has changed it. */
    long flushOwn() {
        return flush(0, Long.MAX_VALUE, true);
    }

    /**
     * Writes the dirty pages of a range, and then returns once the changes are on the device that were complete after
     * the writes. The caller holds no lock of the file.
     *
     * @param isOwn whether only the changes by this machine must be on the device
     */
    private long flush(long first, long last, boolean isOwn) {
        // Read before the writes, because a force that fails after this may report the failure of one of them.
        long failuresBefore = failures;
        long failed = write(first, last);
        long unforced = force(isOwn ? own.get() : changes.get(), failuresBefore);
        return failed != 0 ? failed : unforced;
    }

    /**
     * Writes all dirty pages before the file is closed. Also forces the file, unless the policy is not to force at a
     * close.
     */
    long save() {
        return inode.files.forcesOnClose ? flushOwn() : write(0, Long.MAX_VALUE);
    }

    /** Writes the dirty pages of a range, without forcing the file. Waits for other changes and write-backs. */
    long write(long first, long last) {
        ThreadCpus.checkMayWait("a write-back");
        inode.checkNoHook("a write-back");
        if (inode.isTooLong()) {
            inode.revalidate();
        }
        long failed = 0;
        for (int attempt = 0; attempt < HostInode.ATTEMPTS; attempt++) {
            failed = write(first, last, true);
            if (failed != SHORT) {
                return failed == HELD ? Errno.EAGAIN.result() : failed;
            }
            // Another program has truncated the file. The write-back does not extend it again.
            failed = inode.revalidate();
            if (failed != 0) {
                inode.noteFailure(failed);
                return failed;
            }
        }
        inode.noteFailure(Errno.EIO.result());
        return Errno.EIO.result();
    }

    /**
     * Writes the dirty pages that evictions found, without forcing the file. Waits for no lock. The pages of a file
     * with hooks are written later by a task, and the pages of a file with {@code NO_STEAL} are not written.
     */
    void writeSome() {
        if (!pages.eviction().hasDirty() || inode.rules.isNoSteal()) {
            return;
        }
        if (inode.rules.hooks() != null) {
            giveHooked();
        } else if (inode.writeBack.tryLock()) {
            try {
                write(buffer -> pages.tryWriteBack(buffer, this));
            } finally {
                inode.writeBack.unlock();
            }
        }
    }

    /**
     * Writes all dirty pages in the background, without forcing the file. Waits for other changes and write-backs, but
     * does not acquire the lock of the changes. So it does not follow a change of the size by another program, and
     * pages beyond the new end stay dirty. The pages of a file with hooks are written later by a task, and the pages of
     * a file with {@code NO_STEAL} are not written.
     *
     * @param alsoFailed whether to write also pages whose last write failed
     */
    void writeAll(boolean alsoFailed) {
        if (inode.rules.isNoSteal()) {
            return;
        }
        if (inode.rules.hooks() != null) {
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
            inode.files.tasks.execute(this::writeHooked);
            isTaken = true;
        } finally {
            if (!isTaken) {
                isGiven.set(false);
            }
        }
    }

    private void writeHooked() {
        try {
            write(0, Long.MAX_VALUE, true);
        } finally {
            // Reset at the end, so that a hook that never returns blocks only one thread. Pages that became dirty in
            // the meantime are found by a later task.
            isGiven.set(false);
        }
    }

    /**
     * Writes the dirty pages of a range. Waits for other changes and write-backs. Pages whose write failed stay dirty,
     * unless failed writes are dropped.
     *
     * @param alsoFailed whether to write also pages whose last write failed
     * @return 0; a negated errno, which is recorded; {@link #SHORT}, or {@link FilePages.PageWriter#HELD}
     */
    long write(long first, long last, boolean alsoFailed) {
        inode.writeBack.lock();
        try {
            return write(buffer -> pages.writeBack(first, last, alsoFailed, buffer, this));
        } finally {
            inode.writeBack.unlock();
        }
    }

    private long write(ToLongFunction<ByteBuffer> writeBack) {
        if (!inode.isWritable) {
            // The file was never opened for writing, so no page of it is dirty.
            return 0;
        }
        ByteBuffer buffer = inode.files.buffers.take(1 << pageShift);
        try {
            dropped = 0;
            long failed = writeBack.applyAsLong(buffer);
            failed = FilePages.PageWriter.worse(failed, dropped);
            if (failed != 0 && failed != SHORT && failed != HELD) {
                inode.noteFailure(failed);
            }
            return failed;
        } finally {
            inode.files.buffers.giveBack(buffer);
        }
    }

    @Override
    public boolean mayWrite(long offset, ByteBuffer page) {
        PageHooks of = inode.rules.hooks();
        return of == null || inode.answer(of, "beforeWrite", offset, page);
    }

    @Override
    public long write(long offset, ByteBuffer bytes) {
        try {
            // A write-back does not extend a file that another program truncated.
            if (offset + bytes.remaining() > inode.channel.size()) {
                return SHORT;
            }
            return drop(writeFully(offset, bytes));
        } catch (IOException failed) {
            return drop(Errno.of(failed).result());
        }
    }

    /** Returns the result that the page cache receives for a write: 0 makes the pages clean. */
    private long drop(long failed) {
        if (!inode.files.dropsFailedWrites) {
            return failed;
        }
        dropped = dropped == 0 ? failed : dropped;
        return 0;
    }

    /**
     * Writes bytes to the host, as a write that makes concurrent reads of their pages stale, and that the next force
     * covers. The caller holds the lock of the write-back.
     */
    long writeFully(long offset, ByteBuffer bytes) throws IOException {
        if (!bytes.hasRemaining()) {
            return 0;
        }
        long first = offset >>> pageShift;
        long last = (offset + bytes.remaining() - 1) >>> pageShift;
        pages.beginWrite(first, last);
        try {
            return HostChannel.writeFully(inode.channel, bytes, offset) ? 0 : Errno.EIO.result();
        } finally {
            endWrite(first, last);
        }
    }

    /**
     * Ends a write of pages that {@link FilePages} knows to be under way. The caller has held the lock of the
     * write-back since before the write.
     */
    void endWrite(long first, long last) {
        pages.endWrite();
        // Counted after the write, because a force that started before it may not cover it.
        noteChange();
        synchronized (written) {
            written.add(first, last);
        }
    }

    /**
     * Returns the dirty pages of a range. Waits for write-backs and other changes, because a page that is being written
     * is not clean yet.
     */
    PageRuns dirtyRuns(long first, long last) {
        PageRuns runs = new PageRuns(Integer.MAX_VALUE);
        inode.writeBack.lock();
        try {
            pages.findDirty(first, last, page -> runs.add(page, page));
            return runs;
        } finally {
            inode.writeBack.unlock();
        }
    }

    /** Waits for the write-back that is under way. */
    void awaitWriteBack() {
        inode.writeBack.lock();
        try {
            assert inode.writeBack.isHeldByCurrentThread();
        } finally {
            inode.writeBack.unlock();
        }
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
    void noteChange() {
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
            inode.channel.force();
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
                noteFailure(failed);
            }
        }
    }

    /**
     * Forces the entries of a folder to the device. Does nothing if the host does not let this process open the folder,
     * as on Windows, if the folder was removed, or if its file system cannot force folders, such as some of FUSE and of
     * virtual machines.
     */
    private void forceFolder(Path folder) throws IOException {
        HostChannel channel;
        try {
            channel = inode.files.opener.open(folder, Set.of(StandardOpenOption.READ));
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
            HostChannel.closeUnwritten(channel);
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
    private void noteFailure(long failed) {
        try {
            inode.noteFailure(failed);
            if (inode.files.dropsFailedWrites) {
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
        inode.writeBack.lock();
        try {
            // Does not call takeWritten, because there may be no memory for it.
            covered.setDirty(pages);
            written.setDirty(pages);
            covered.size = 0;
            written.size = 0;
        } finally {
            inode.writeBack.unlock();
        }
    }
}
