// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.internal.file.SavedPages;
import dev.samara.core.internal.sync.CheckedLock;
import dev.samara.core.mman.Errno;
import java.io.IOException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The forces of one file of the host to its device, one at a time ({@code vfs_fsync_range}). A force takes long, so
 * reads and writes of the file, truncations and holes run concurrently with it: its thread holds no lock of them. That
 * needs these rules:
 *
 * <ul>
 *   <li><b>Success.</b> Each change of the file of the host counts once it is complete ({@link #noteChange}). A force
 *       covers the changes that were counted before it started. A save succeeds once a force covers all that were
 *       counted when its own writes were complete: by then those of any other thread are, too, since write-backs run
 *       one at a time. So a save that comes during a force waits for that one, and for the next one, which it shares
 *       with all saves that wait.
 *   <li><b>Failure.</b> The host reports the failure of a write to one force only, perhaps to one that does not cover
 *       this write; the next force succeeds although the bytes are lost. So each save fails during which a force fails,
 *       whichever pages it wrote. And all pages that were written since the last successful force, and during the one
 *       that failed, are dirty again, as far as they are in memory, before the failure counts. A save that does not
 *       fail because it started later therefore writes them again.
 * </ul>
 *
 * <p>Thread-safe.
 */
final class HostForces {
    private final InodeState inode;
    private final SavedPages pages;

    /** Whether a page whose force has failed is clean. */
    private final boolean dropsFailed;

    /** Held during a force, and outside of the lock of the write-back. */
    private final ReentrantLock forcing = new CheckedLock();

    /**
     * The number of changes of the file of the host that are complete.
     *
     * @written the opening thread (volatile); the holder of {@code writeBack} after it has written bytes of the host;
     *     the holder of the lock of the changes after it has changed the size of the file of the host (get-and-add)
     * @read a thread that saves, after its writes; the holder of {@code forcing} before a force (volatile)
     * @pairs with {@code forced}: a change is complete before it is counted, and a force starts after the count is read
     * @invariant the number of changes of the file of the host that are complete
     */
    private final AtomicLong changes = new AtomicLong();

    /**
     * What {@link #changes} was before the last successful force. Written under {@link #forcing}.
     *
     * @written the holder of {@code forcing}, after a successful force (volatile)
     * @read a thread that saves, before {@code failures}; the holder of {@code forcing} (volatile)
     * @pairs with {@code failures}: a thread that finds its changes forced also finds each failure of an earlier force
     * @invariant what {@code changes} was before the last successful force started
     */
    private volatile long forced;

    /**
     * The number of forces that have failed. Written under {@link #forcing}, after the pages are dirty again.
     *
     * @written the holder of {@code forcing}, after a failed force and once its pages are dirty again (volatile)
     * @read a thread that saves, before its writes, and after {@code forced}; the holder of {@code forcing} (volatile)
     * @pairs a save that reads the number of a failure before its writes finds the pages of that failure dirty, and
     *     writes them; one that reads a smaller number fails
     * @invariant the number of forces that have failed
     */
    private volatile long failures;

    /**
     * The negated errno of the last failure.
     *
     * @words {@code failure}, {@code covered} and its contents
     * @written holder of {@code forcing} (plain)
     * @read holder of {@code forcing} (plain)
     * @invariant the errno of the last failure; the pages that were written since the last successful force, and before
     *     the one under way
     */
    @GuardedBy("forcing")
    private long failure;

    /**
     * The pages that were written since the last force started. A thread holds its monitor, or both the lock of the
     * write-back and {@link #forcing}, since each other user holds one of these.
     *
     * @words {@code written} and its contents
     * @written the holder of {@code writeBack}, or of {@code forcing} (monitor); the holder of both (plain)
     * @read as written
     * @invariant the pages that were written since the last force began
     */
    private final PageRuns written = new PageRuns();

    /** What was written before the force under way, and after the last successful one. */
    @GuardedBy("forcing")
    private final PageRuns covered = new PageRuns();

    /**
     * Describes a file that nobody has changed.
     *
     * @param isForced whether all bytes are on the device; otherwise the first save forces
     */
    HostForces(InodeState inode, boolean dropsFailed, boolean isForced) {
        this.inode = inode;
        this.dropsFailed = dropsFailed;
        pages = inode.saved();
        changes.set(isForced ? 0 : 1);
    }

    /** Counts a change of the bytes or the size, which is complete: a force that starts now covers it. */
    void noteChange() {
        changes.getAndIncrement();
    }

    /**
     * Notes that pages were written, before or after {@link #noteChange} for that write. The caller holds the lock of
     * the write-back, as it has from before the write.
     */
    void addWritten(long first, long last) {
        synchronized (written) {
            written.add(first, last);
        }
    }

    /** Returns the number of forces that have failed: the argument for {@link #force}. */
    long failures() {
        return failures;
    }

    /**
     * Returns when all changes up to now are on the device. The caller holds no lock of the file.
     *
     * @param failuresBefore what {@link #failures} returned before the caller wrote what it saves
     * @return 0, or the negated errno of a force that failed since then; it is also reported to each open
     */
    long force(long failuresBefore) {
        long wanted = changes.get();
        // In this order: a force that has failed precedes the one that covers the changes.
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
        // Before the force: it covers what was complete then.
        long counted = changes.get();
        takeWritten();
        long failed = Errno.EIO.result();
        try {
            inode.channel().force();
            failed = 0;
            forced = counted;
            covered.clear();
        } catch (IOException thrown) {
            failed = HostErrors.of(thrown).result();
        } finally {
            if (failed != 0) {
                noteFailure(failed);
            }
        }
    }

    @GuardedBy("forcing")
    private void takeWritten() {
        synchronized (written) {
            covered.addAll(written);
            written.clear();
        }
    }

    /** Has the saves under way fail. Whether the device has the pages is not known. */
    @GuardedBy("forcing")
    private void noteFailure(long failed) {
        try {
            inode.errors().add(failed);
            if (dropsFailed) {
                covered.clear();
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
        // Waits for a write under way, whose failure may be the one that was reported, and for the note of its pages.
        inode.writeBackLock().lock();
        try {
            // Without memory: not by takeWritten.
            covered.setDirty(pages);
            written.setDirty(pages);
            covered.clear();
            written.clear();
        } finally {
            inode.writeBackLock().unlock();
        }
    }
}
