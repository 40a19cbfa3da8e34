// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.backing.HostFileException;
import dev.samara.core.event.Report;
import dev.samara.core.internal.sync.CheckedLock;
import dev.samara.core.internal.sync.Pause;
import dev.samara.core.mman.Errno;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Saves and closes host files after their last open has ended, and all files at the end of the machine ({@code
 * iput_final}). A file that cannot be saved is reported and stays in the table, so that a later open gets its pages.
 * May block. Thread-safe.
 */
final class LastClose {
    /** The pause between two checks whether other threads have closed their files, in nanoseconds. */
    private static final long CLOSE_NANOS = 100_000;

    private final InodeTable inodes;
    private final FilePolicy policy;
    private final Consumer<Report> reporter;

    /** Held by the thread that closes all files. */
    private final ReentrantLock closing = new CheckedLock();

    LastClose(InodeTable inodes, FilePolicy policy, Consumer<Report> reporter) {
        this.inodes = inodes;
        this.policy = policy;
        this.reporter = reporter;
    }

    /** Ends an open. If it was the last one, saves the file, and closes the file unless the save failed. */
    void leave(HostInode inode, boolean writes) {
        inodes.leave(inode, writes);
        endUnused(inode);
    }

    /** Saves and closes a file if it has no opens. */
    void endUnused(HostInode inode) {
        if (inodes.beginEnd(inode)) {
            boolean isOver = false;
            while (!isOver) {
                isOver = end(inode);
            }
        }
    }

    /** Tries to end a file without opens. Returns false if the file was opened and closed again in the meantime. */
    private boolean end(HostInode inode) {
        long opened = inodes.opened(inode);
        long failed;
        boolean isTried = false;
        try {
            failed = inode.save();
            isTried = true;
        } finally {
            if (!isTried) {
                inodes.keep(inode);
            }
        }
        if (failed != 0) {
            if (inodes.setReported(inode)) {
                reportUnsaved(inode, failed);
            }
            if (keepsUnsaved(failed)) {
                inodes.keep(inode);
                return true;
            }
        }
        @Nullable List<HostChannel> ending = inodes.end(inode, opened);
        if (ending == null) {
            return false;
        }
        end(inode, ending);
        return true;
    }

    /**
     * Closes the channels of a removed file. A failure is reported here, because no open is left that could return it.
     */
    private void end(HostInode inode, List<HostChannel> ending) {
        if (ending.isEmpty()) {
            return;
        }
        long failed;
        try {
            failed = inode.end(ending);
        } finally {
            inodes.closed();
        }
        if (failed != 0) {
            report(inode, "close", inode + " could not be closed: " + Errno.of(failed), failed);
        }
    }

    /** Returns whether a file that could not be saved keeps its pages. A page that was held back is never dropped. */
    private boolean keepsUnsaved(long failed) {
        return !policy.dropsFailedWrites || failed == Errno.EAGAIN.result();
    }

    private void reportUnsaved(HostInode inode, long failed) {
        report(inode, "save", inode + " could not be saved: " + Errno.of(failed) + unsaved(inode), failed);
    }

    private void report(HostInode inode, String call, String message, long failed) {
        HostFileException cause = new HostFileException(inode.name(), call, Errno.of(failed));
        reporter.accept(new Report(Report.Kind.FILE_NOT_SAVED, message, cause));
    }

    /** Returns a text that describes the dirty pages of a file; empty if there is no memory for it. */
    private static String unsaved(HostInode inode) {
        try {
            DirtyRuns runs = DirtyRuns.of(inode, 0, Long.MAX_VALUE);
            return runs.pages() == 0 ? "" : "; dirty pages: " + runs.pages() + ", the first at byte " + runs.start(0);
        } catch (OutOfMemoryError | StackOverflowError exhausted) {
            // The report is sent without this text, because a missing report would be worse.
            return "";
        }
    }

    /**
     * Checks, before a call for all files changes anything, that no hook of one of them makes it.
     *
     * @param what the call, for messages
     */
    void checkNoHook(String what) {
        inodes.all().forEach(inode -> inode.checkNoHook(what));
    }

    /**
     * Saves all files, and keeps them open. Each file that cannot be saved is reported.
     *
     * @return 0, or the negated errno of the first failure
     */
    long sync() {
        checkNoHook("a save of all files");
        long failure = 0;
        for (HostInode inode : inodes.all()) {
            long failed = sync(inode);
            failure = failure == 0 ? failed : failure;
        }
        return failure;
    }

    private long sync(HostInode inode) {
        try {
            long failed = inode.flushOwn();
            if (failed == 0 || !inodes.has(inode)) {
                // The last close of the file saved it concurrently, and closed the channel of this save.
                return 0;
            }
            reportUnsaved(inode, failed);
            return failed;
        } catch (Throwable thrown) {
            // Reported and not thrown, so that the other files are still saved.
            reportThrown(inode, thrown);
            return (thrown instanceof VirtualMachineError ? Errno.ENOMEM : Errno.EIO).result();
        }
    }

    private void reportThrown(HostInode inode, Throwable thrown) {
        reporter.accept(new Report(Report.Kind.FILE_NOT_SAVED, inode + " could not be saved: " + thrown, thrown));
    }

    /**
     * Saves and closes all files, at the end of the machine. A file that cannot be saved is reported and keeps its
     * pages, and the next call retries.
     *
     * @return whether no file is left; also false if another thread is closing the files
     */
    boolean endAll() {
        if (!closing.tryLock()) {
            return false;
        }
        try {
            boolean areAll = true;
            for (HostInode inode : inodes.all()) {
                areAll &= endUsed(inode);
            }
            return areAll;
        } finally {
            closing.unlock();
        }
    }

    /** Waits, after {@link #endAll}, for the other threads that have removed files and are closing their channels. */
    void awaitCloses() {
        while (inodes.isClosing()) {
            Pause.parkNanos(inodes, CLOSE_NANOS);
        }
    }

    private boolean endUsed(HostInode inode) {
        try {
            long failed = inode.save();
            if (failed != 0 && !inodes.has(inode)) {
                // The thread that ended the last use concurrently saved the file, and closed the channel of this save.
                return true;
            }
            if (failed != 0) {
                reportUnsaved(inode, failed);
            }
            if (failed != 0 && keepsUnsaved(failed)) {
                return false;
            }
            end(inode, inodes.remove(inode));
            return true;
        } catch (Throwable thrown) {
            // Thrown by the host or an embedder's channel, or because memory ran out. The other files are still saved.
            reportThrown(inode, thrown);
            return false;
        }
    }
}
