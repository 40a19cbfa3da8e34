// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.lang.ref.WeakReference;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/**
 * Writes the dirty pages of all files of a machine periodically, while at least one file is open for writing ({@code
 * wb_workfn}). A timer of the JDK waits in between. It holds only a weak reference, so it does not keep an unreachable
 * machine alive. Thread-safe.
 */
final class PeriodicWrites {
    private final BooleanSupplier writeAll;
    private final BooleanSupplier areSomeWritable;
    private final Executor tasks;
    private final long nanos;

    /**
     * Whether the timer is waiting or a task is running.
     *
     * @written a thread that opens a file for writing; the task (monitor)
     * @read these threads (monitor)
     * @invariant whether the timer is waiting or a task is running
     */
    @GuardedBy("this")
    private boolean isBegun;

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

    /** Starts the periodic writes, unless they are already started. Called when a file is opened for writing. */
    void begin() {
        synchronized (this) {
            if (isBegun) {
                return;
            }
            isBegun = true;
        }
        schedule();
    }

    private void schedule() {
        WeakReference<PeriodicWrites> self = new WeakReference<>(this);
        CompletableFuture.delayedExecutor(nanos, TimeUnit.NANOSECONDS, task -> execute(self, task))
                .execute(() -> write(self));
    }

    private static void execute(WeakReference<PeriodicWrites> self, Runnable task) {
        PeriodicWrites writes = self.get();
        if (writes != null) {
            writes.tasks.execute(task);
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
