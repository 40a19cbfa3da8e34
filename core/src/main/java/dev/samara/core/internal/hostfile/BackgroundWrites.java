// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.internal.page.Frames.DirtyPages;
import dev.samara.core.internal.sync.Background;
import dev.samara.core.internal.sync.CheckedLock;
import java.lang.ref.WeakReference;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Decides when the dirty pages of all files of a machine are written without a call that saves them.
 *
 * <p><b>Periodically</b> ({@code wb_workfn}), while at least one file is open for writing. A {@link Background.Timer}
 * waits between two rounds. It holds only a weak reference, so it does not keep an unreachable machine alive.
 *
 * <p><b>If too many pages are dirty</b> ({@code balance_dirty_pages}). A thread checks their number before it writes by
 * a call, and before a store makes a clean page dirty. If a balance is due, the walk after a TLB miss makes no page
 * dirty; the fault does it after the balance. Above a first bound, a thread submits a task that writes the dirty pages
 * in the background. Above a second bound, it writes them itself, or waits for another thread that is writing them.
 *
 * <p>The number of dirty bytes is an estimate: the bytes that became dirty since the start of the last pass over all
 * files. Pinned pages, pages whose write failed, and pages that a failed force made dirty again are not counted. A page
 * that becomes dirty again is counted again. So a store to a dirty page costs nothing.
 *
 * <p>A thread that waits here may hold the changes lock of one file. The writing thread waits for write-back locks and
 * inode locks, whose holders never wait here. Thread-safe.
 */
final class BackgroundWrites implements DirtyPages {
    private final Executor tasks;
    private final Runnable writeDirty;
    private final BooleanSupplier writeAll;
    private final BooleanSupplier areSomeWritable;

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
     * The time between two rounds of the periodic writes in nanoseconds, or -1. Set before the first file is opened.
     */
    long nanos = -1;

    /**
     * Whether a wait or a task is in progress.
     *
     * <p>Words: {@code isBegun}, {@code next}.
     * Written: a thread that opens a file for writing; the task; the close of the machine (monitor).
     * Read: these threads (monitor).
     * Invariant: whether a wait or a task is in progress, and the last wait that started.
     */
    @GuardedBy("this")
    private boolean isBegun;

    @GuardedBy("this")
    private Background.@Nullable Timer next;

    /**
     * Creates an object without bounds and without periodic writes.
     *
     * @param tasks runs tasks that may block
     * @param writeDirty writes the dirty pages of all files, without forcing the files, and leaves out pages whose last
     *     write failed. May wait for other changes and write-backs of each file
     * @param writeAll makes one round of periodic writes, and returns whether a file is open for writing
     * @param areSomeWritable returns whether a file is open for writing
     */
    BackgroundWrites(Executor tasks, Runnable writeDirty, BooleanSupplier writeAll, BooleanSupplier areSomeWritable) {
        this.tasks = tasks;
        this.writeDirty = writeDirty;
        this.writeAll = writeAll;
        this.areSomeWritable = areSomeWritable;
    }

    /** Sets the bounds in bytes; see {@link HostFiles#limitDirty}. */
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

    /**
     * Starts the periodic writes, unless there are none, or they are already started. Called when a file is opened for
     * writing.
     *
     * @throws OutOfMemoryError if no thread can be started for the wait; a later call retries
     */
    synchronized void begin() {
        if (nanos >= 0 && !isBegun) {
            schedule();
        }
    }

    /** Ends the wait for the next round, after the last file was closed. */
    synchronized void cancel() {
        if (next != null) {
            next.cancel();
            isBegun = false;
        }
    }

    /** Waits for the next round. If there is no thread for the wait, the writes are not started any more. */
    private synchronized void schedule() {
        WeakReference<BackgroundWrites> self = new WeakReference<>(this);
        isBegun = false;
        next = Background.Timer.start(nanos, () -> execute(self));
        isBegun = true;
    }

    private static void execute(WeakReference<BackgroundWrites> self) {
        BackgroundWrites writes = self.get();
        if (writes != null) {
            boolean isTaken = false;
            try {
                writes.tasks.execute(() -> {
                    BackgroundWrites reachable = self.get();
                    if (reachable != null) {
                        reachable.round();
                    }
                });
                isTaken = true;
            } finally {
                if (!isTaken) {
                    writes.schedule();
                }
            }
        }
    }

    /** Makes one round, and schedules the next one if a file is open for writing. */
    void round() {
        boolean goesOn = true;
        try {
            goesOn = writeAll.getAsBoolean();
        } finally {
            if (goesOn) {
                schedule();
            } else {
                end();
            }
        }
    }

    /**
     * Ends the periodic writes. If a file was opened for writing in the meantime, starts them again, because that open
     * found them still started and so did not start them.
     */
    private void end() {
        synchronized (this) {
            isBegun = false;
        }
        if (areSomeWritable.getAsBoolean()) {
            begin();
        }
    }
}
