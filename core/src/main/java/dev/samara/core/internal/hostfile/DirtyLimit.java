// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.page.DirtyPages;
import dev.samara.core.internal.sync.CheckedLock;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Keeps the dirty pages of all files of a machine few ({@code balance_dirty_pages}). A thread looks at them before it
 * writes by a call, and before a store makes a clean page dirty: if a balance is due, the walk after the TLB miss makes
 * no page dirty, and the fault does that after the balance. Above a first bound a thread has a task of the machine
 * write them. Above a second one it writes them itself, or waits for another thread that does. Thread-safe.
 *
 * <p>The dirty bytes are an estimate: those that have become dirty since the beginning of the last pass over all files.
 * Pages do not count that could not be written, that a failed force has made dirty again, or that are pinned. A page
 * that becomes dirty again counts again. So a store to a dirty page costs nothing.
 *
 * <p>A thread that waits here may hold the lock of the changes of one file. The thread that writes waits for the locks
 * of the write-back and inode locks, whose holders never wait here.
 */
final class DirtyLimit implements DirtyPages {
    private final Executor tasks;
    private final Runnable writeDirty;

    /**
     * The bytes of pages that have become dirty so far.
     *
     * @written a thread that marks a frame or an entry as dirty that was not (get-and-add)
     * @read a thread that is about to make pages dirty, in GUEST too, after {@code passed}; the holder of {@code pass}
     *     (volatile)
     * @invariant the bytes of pages of files of the host that have become dirty so far. The mark precedes the count, so
     *     a page that becomes dirty after a pass has begun is counted after that
     */
    private final AtomicLong dirtied = new AtomicLong();

    /**
     * What {@link #dirtied} was when the last pass began. Written under the lock.
     *
     * @written the holder of {@code pass}, after it has written (volatile)
     * @read a thread that is about to make pages dirty (volatile)
     * @invariant what {@code dirtied} was before a pass over all files began. The difference is not smaller than the
     *     dirty bytes, but for pages that could not be written, are pinned, or are dirty again after a failed force,
     *     and for those of files with hooks or of {@code NO_STEAL}
     */
    private volatile long passed;

    /** Held by the thread that writes. */
    private final ReentrantLock pass = new CheckedLock();

    /**
     * Whether a task is given that has not begun.
     *
     * @written a thread that is about to make pages dirty (compare-and-set, true); the task, or that thread if it could
     *     not give the task (volatile, false)
     * @read by the exchange; a thread that is about to make pages dirty, in GUEST too (volatile)
     * @invariant whether a task is given that has not begun; there is at most one
     */
    private final AtomicBoolean isGiven = new AtomicBoolean();

    /* The bounds in bytes. Set before the first file is opened. */

    private long background = Long.MAX_VALUE;
    private long most = Long.MAX_VALUE;

    /**
     * Describes files without bounds.
     *
     * @param tasks runs what may block
     * @param writeDirty writes the dirty pages of all files, and forces none. May wait for other changes and
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

    /** Returns whether there are bounds. */
    boolean isBounded() {
        return background != Long.MAX_VALUE;
    }

    @Override
    public void add(int bytes) {
        dirtied.getAndAdd(bytes);
    }

    private long dirty() {
        // In this order: a pass in between makes the result too large, not too small.
        long before = passed;
        return dirtied.get() - before;
    }

    @Override
    public boolean isBalanceDue() {
        long dirty = dirty();
        return dirty >= most || (dirty >= background && isTaskNeeded());
    }

    /** Returns whether no thread writes, and no task will. Racy, benign because the task looks again. */
    private boolean isTaskNeeded() {
        return !isGiven.get() && !pass.isLocked();
    }

    /** The caller holds no lock but one of changes. A thread that writes for this does not wait for itself. */
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
        // If another thread writes, this need not.
        if (pass.tryLock()) {
            try {
                write(background);
            } finally {
                pass.unlock();
            }
        }
    }

    /** Writes the dirty pages of all files, if there are that many. The caller holds the lock. */
    private void write(long least) {
        if (dirty() >= least) {
            long before = dirtied.get();
            try {
                writeDirty.run();
            } finally {
                // Whatever has failed: what could not be written does not count.
                passed = before;
            }
        }
    }
}
