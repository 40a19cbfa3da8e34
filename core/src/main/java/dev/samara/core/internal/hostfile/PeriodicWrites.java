// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.lang.ref.WeakReference;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/**
 * Writes the dirty pages of all files of a machine from time to time, while one is open for writing ({@code
 * wb_workfn}). A timer of the JDK waits in between. It has a weak reference only: a machine that no thread can reach is
 * not kept for it. Thread-safe.
 */
final class PeriodicWrites {
    private final BooleanSupplier writeAll;
    private final BooleanSupplier areSomeWritable;
    private final Executor tasks;
    private final long nanos;

    /**
     * Whether the timer waits, or a task runs.
     *
     * @written a thread that opens a file for writing; the task (monitor)
     * @read these threads (monitor)
     * @invariant whether the timer waits or a task runs
     */
    @GuardedBy("this")
    private boolean isBegun;

    /**
     * Describes the writes, of which none is begun.
     *
     * @param writeAll makes one, and returns whether a file is open for writing
     * @param areSomeWritable returns whether one is
     * @param tasks runs them, since they may block
     * @param nanos the time between two of them
     */
    PeriodicWrites(BooleanSupplier writeAll, BooleanSupplier areSomeWritable, Executor tasks, long nanos) {
        this.writeAll = writeAll;
        this.areSomeWritable = areSomeWritable;
        this.tasks = tasks;
        this.nanos = nanos;
    }

    /** Begins, unless it has begun. Called when a file is open for writing. */
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

    /** Writes once, and goes on unless no file is open for writing. */
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

    /** Ends, but for a file that was opened for writing meanwhile: its open has found this begun. */
    private void end() {
        synchronized (this) {
            isBegun = false;
        }
        if (areSomeWritable.getAsBoolean()) {
            begin();
        }
    }
}
