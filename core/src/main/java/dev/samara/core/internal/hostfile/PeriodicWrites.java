// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.internal.sync.Background;
import java.lang.ref.WeakReference;
import java.util.concurrent.Executor;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Writes the dirty pages of all files of a machine periodically, while at least one file is open for writing ({@code
 * wb_workfn}). A {@link Background.Timer} waits in between. It holds only a weak reference, so it does not keep an
 * unreachable machine alive. Thread-safe.
 */
final class PeriodicWrites {
    private final BooleanSupplier writeAll;
    private final BooleanSupplier areSomeWritable;
    private final Executor tasks;
    private final long nanos;

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
     * Creates periodic writes that are not started.
     *
     * @param writeAll makes one round of writes, and returns whether a file is open for writing
     * @param areSomeWritable returns whether a file is open for writing
     * @param tasks runs the rounds, which may block
     * @param nanos the time between two rounds in nanoseconds
     */
    PeriodicWrites(BooleanSupplier writeAll, BooleanSupplier areSomeWritable, Executor tasks, long nanos) {
        this.writeAll = writeAll;
        this.areSomeWritable = areSomeWritable;
        this.tasks = tasks;
        this.nanos = nanos;
    }

    /**
     * Starts the periodic writes, unless they are already started. Called when a file is opened for writing.
     *
     * @throws OutOfMemoryError if no thread can be started for the wait; a later call retries
     */
    synchronized void begin() {
        if (!isBegun) {
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
        WeakReference<PeriodicWrites> self = new WeakReference<>(this);
        isBegun = false;
        next = Background.Timer.start(nanos, () -> execute(self));
        isBegun = true;
    }

    private static void execute(WeakReference<PeriodicWrites> self) {
        PeriodicWrites writes = self.get();
        if (writes != null) {
            boolean isTaken = false;
            try {
                writes.tasks.execute(() -> write(self));
                isTaken = true;
            } finally {
                if (!isTaken) {
                    writes.schedule();
                }
            }
        }
    }

    private static void write(WeakReference<PeriodicWrites> self) {
        PeriodicWrites writes = self.get();
        if (writes != null) {
            writes.round();
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
