// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.sync.CheckedLock;
import dev.samara.core.mman.Errno;
import java.io.IOException;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Forces one host file to its device, one force at a time ({@code vfs_fsync_range}). A force takes long. So that reads,
 * writes, truncations and holes can run concurrently with it, its thread holds none of their locks. This requires the
 * following rules:
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
final class HostForces {
    private final InodeState inode;
    private final FilePages pages;

    /** Whether a page stays clean although its force failed. */
    private final boolean dropsFailed;

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
    private final AtomicReference<List<HostPath.HostFolder>> folders = new AtomicReference<>(List.of());

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
    private final PageRuns written = new PageRuns();

    /** The pages that were written since the last successful force, and before the force under way. */
    @GuardedBy("forcing")
    private final PageRuns covered = new PageRuns();

    /**
     * Creates the state of a file that was just opened.
     *
     * @param isForced whether all earlier changes by this machine are on the device
     */
    HostForces(InodeState inode, boolean dropsFailed, boolean isForced) {
        this.inode = inode;
        this.dropsFailed = dropsFailed;
        pages = inode.saved();
        own = new AtomicLong(isForced ? 0 : 1);
    }

    /**
     * Counts an open, before which other programs may have written bytes.
     *
     * @param newIn the file's folder if the open may have created the file
     */
    void noteOpen(HostPath.@Nullable HostFolder newIn) {
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
     * Records that pages were written, before or after {@link #noteChange} for that write. The caller has held the lock
     * of the write-back since before the write.
     */
    void addWritten(long first, long last) {
        synchronized (written) {
            written.add(first, last);
        }
    }

    /** Returns the number of failed forces, for {@link #force}. */
    long failures() {
        return failures;
    }

    /**
     * Returns once all changes up to now are on the device. The caller holds no lock of the file.
     *
     * @param failuresBefore the result of {@link #failures} before the writes that the caller is saving
     * @return 0, or the negated errno of a force that failed since then; the failure is also reported by each open
     */
    long force(long failuresBefore) {
        return force(changes.get(), failuresBefore);
    }

    /** Does the same as {@link #force(long)} for the changes by this machine. */
    long forceOwn(long failuresBefore) {
        return force(own.get(), failuresBefore);
    }

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
            inode.channel().force();
            // Before the folders: if their force fails, the pages are on the device.
            covered.clear();
            List<HostPath.HostFolder> newIn = Objects.requireNonNull(folders.get());
            for (int i = 0; i < newIn.size(); i++) {
                newIn.get(i).force();
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

    @GuardedBy("forcing")
    private void takeWritten() {
        synchronized (written) {
            covered.addAll(written);
            written.clear();
        }
    }

    /** Makes the saves that are under way fail. It is unknown whether the pages are on the device. */
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
        // Waits for a write that is under way, because its failure may be the reported one, and until its pages are
        // recorded.
        inode.writeBackLock().lock();
        try {
            // Does not call takeWritten, because there may be no memory for it.
            covered.setDirty(pages);
            written.setDirty(pages);
            covered.clear();
            written.clear();
        } finally {
            inode.writeBackLock().unlock();
        }
    }
}
