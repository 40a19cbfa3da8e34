// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.page.Frames.DirtyPages;
import dev.samara.core.internal.sync.CheckedLock;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Limits the dirty pages of all files of a machine ({@code balance_dirty_pages}). A thread checks their number before
 * it writes by a call, and before a store makes a clean page dirty. If a balance is due, the walk after a TLB miss
 * makes no page dirty; the fault does it after the balance. Above a first bound, a thread submits a task that writes
 * the dirty pages in the background. Above a second bound, it writes them itself, or waits for another thread that is
 * writing them. Thread-safe.
 *
 * <p>The number of dirty bytes is an estimate: the bytes that became dirty since the start of the last pass over all
 * files. Pinned pages, pages whose write failed, and pages that a failed force made dirty again are not counted. A page
 * that becomes dirty again is counted again. So a store to a dirty page costs nothing.
 *
 * <p>A thread that waits here may hold the changes lock of one file. The writing thread waits for write-back locks and
 * inode locks, whose holders never wait here.
 */
final class DirtyLimit implements DirtyPages {
    private final Executor tasks;
    private final Runnable writeDirty;

    /**
     * The bytes of the pages that became dirty so far.
     *
     * <p>Written: a thread that marks a clean frame or entry as dirty (get-and-add).
     * Read: a thread that is about to make pages dirty, also in GUEST, after {@code passed}; the holder of {@code pass}
     *     (volatile).
     * Invariant: the bytes of the pages of host files that became dirty so far. A page is marked before it is counted,
     *     so a page that becomes dirty after the start of a pass is counted after that start.
     */
    private final AtomicLong dirtied = new AtomicLong();

    /**
     * The value of {@link #dirtied} when the last pass started. Written under the lock.
     *
     * <p>Written: the holder of {@code pass}, after it has written the pages (volatile).
     * Read: a thread that is about to make pages dirty (volatile).
     * Invariant: the value of {@code dirtied} before the last pass over all files. {@code dirtied - passed} is at least
     *     the number of dirty bytes, not counting pages that could not be written, are pinned, or are dirty again after
     *     a failed force, nor pages of files with hooks or {@code NO_STEAL}.
     */
    private volatile long passed;

    /** Held by the thread that makes a pass. */
    private final ReentrantLock pass = new CheckedLock();

    /**
     * Whether a submitted task has not started yet.
     *
     * <p>Written: a thread that is about to make pages dirty (compare-and-set, true); the task, or that thread if it
     *     could not submit the task (volatile, false).
     * Read: by the exchange; a thread that is about to make pages dirty, also in GUEST (volatile).
     * Invariant: whether a submitted task has not started yet; there is at most one.
     */
    private final AtomicBoolean isGiven = new AtomicBoolean();

    /* The bounds in bytes. Set before the first file is opened. */

    private long background = Long.MAX_VALUE;
    private long most = Long.MAX_VALUE;

    /**
     * Creates a limit without bounds.
     *
     * @param tasks runs tasks that may block
     * @param writeDirty writes the dirty pages of all files, without forcing the files. May wait for other changes and
     *     write-backs of each file
     */
    DirtyLimit(Executor tasks, Runnable writeDirty) {
        this.tasks = tasks;
        this.writeDirty = writeDirty;
    }

    void bound(long backgroundBytes, long mostBytes) {
        background = backgroundBytes;
        most = mostBytes;
    }

    /** Returns whether bounds are set. */
    boolean isBounded() {
        return background != Long.MAX_VALUE;
    }

    @Override
    public void add(int bytes) {
        dirtied.getAndAdd(bytes);
    }

    private long dirty() {
        // Read in this order, so that a pass in between makes the result too large, but never too small.
        long before = passed;
        return dirtied.get() - before;
    }

    @Override
    public boolean isBalanceDue() {
        long dirty = dirty();
        return dirty >= most || (dirty >= background && isTaskNeeded());
    }

    /**
     * Returns whether no thread is making a pass, and no task is submitted. This race is benign, because the task
     * checks again.
     */
    private boolean isTaskNeeded() {
        return !isGiven.get() && !pass.isLocked();
    }

    /** The caller holds no lock except one changes lock. A thread that makes a pass does not wait for itself. */
    @Override
    public void balance() {
        long dirty = dirty();
        if (dirty >= most && !pass.isHeldByCurrentThread()) {
            pass.lock();
            try {
                write(most);
            } finally {
                pass.unlock();
            }
        } else if (dirty >= background && isTaskNeeded() && isGiven.compareAndSet(false, true)) {
            give();
        }
    }

    private void give() {
        boolean isTaken = false;
        try {
            tasks.execute(this::writeInBackground);
            isTaken = true;
        } finally {
            if (!isTaken) {
                isGiven.set(false);
            }
        }
    }

    private void writeInBackground() {
        isGiven.set(false);
        // No pass is needed if another thread is making one.
        if (pass.tryLock()) {
            try {
                write(background);
            } finally {
                pass.unlock();
            }
        }
    }

    /**
     * Writes the dirty pages of all files, if there are at least {@code least} dirty bytes. The caller holds the lock.
     */
    private void write(long least) {
        if (dirty() >= least) {
            long before = dirtied.get();
            try {
                writeDirty.run();
            } finally {
                // Set even after a failure, because pages that could not be written are not counted.
                passed = before;
            }
        }
    }
}
