// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.fault.Populate;
import dev.samara.core.internal.op.Call;
import dev.samara.core.internal.op.Operation;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.WaitingCall;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.PendingCall;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** The entry of the calls that change a layout. */
final class Syscall {
    private Syscall() {}

    /**
     * Runs a call, waits until it is complete, and faults in the ranges that it wants. The caller must hold no lock.
     *
     * @return the result of the call, or a negated errno
     */
    static long run(Layout layout, Call call) {
        Operation operation = new Operation(layout, call);
        return populate(operation, operation.run());
    }

    private static long populate(Operation operation, long result) {
        Layout layout = operation.layout();
        long populated = Populate.run(layout, operation.populations(), result);
        // The teardown has removed what was to be faulted in.
        return populated != result && layout.isClosed() ? Errno.ESRCH.result() : populated;
    }

    /**
     * Runs a call up to publication; a thread of the machine does the rest and completes the future. The caller must
     * hold no lock.
     *
     * @return the call, with its result, which is a negated errno if the call is refused
     */
    static PendingCall start(Layout layout, Call call) {
        Operation operation = new Operation(layout, call);
        StartedCall pending = new StartedCall(operation);
        Last last = new Last(operation, pending);
        if (!operation.start(last)) {
            last.complete();
        }
        return pending;
    }

    /** An asynchronous call: the result is the operation's, which its caller has published. */
    private static final class StartedCall extends PendingCall {
        private final Operation operation;

        StartedCall(Operation operation) {
            this.operation = operation;
        }

        @Override
        public long result() {
            return operation.result();
        }

        @Override
        public Long join() {
            checkMayWait();
            boolean interrupted = false;
            while (!isDone() && step()) {
                // A thread whose interrupt flag is set does not park.
                interrupted |= Thread.interrupted();
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
            return super.join();
        }

        @Override
        public Long get() throws InterruptedException, ExecutionException {
            checkMayWait();
            while (!isDone() && !Thread.currentThread().isInterrupted() && step()) {
                Thread.onSpinWait();
            }
            return super.get();
        }

        @Override
        public Long get(long timeout, TimeUnit unit) throws InterruptedException, ExecutionException, TimeoutException {
            checkMayWait();
            long since = System.nanoTime();
            long nanos = Math.max(0, unit.toNanos(timeout));
            while (!isDone()
                    && System.nanoTime() - since < nanos
                    && !Thread.currentThread().isInterrupted()
                    && step()) {
                Thread.onSpinWait();
            }
            return super.get(Math.max(0, nanos - (System.nanoTime() - since)), TimeUnit.NANOSECONDS);
        }

        /**
         * A CPU of this thread in GUEST, which the call may wait for, would never answer. A callback of a retirement,
         * or of a step that asks calls, would delay work for which this call may wait.
         */
        private void checkMayWait() {
            if (!isDone()) {
                String what = "a wait for an asynchronous call";
                Cpus.checkMayWait(what);
                operation.layout().host().checkMayWaitForTasks(what);
            }
        }

        /** Makes a step of the housekeeping; returns false if another thread makes them. */
        private boolean step() {
            Housekeeping invoked = operation.layout().host().invoked();
            if (invoked != null && !invoked.step()) {
                LockSupport.parkNanos(this, Housekeeping.INVOKING_PAUSE);
            }
            return invoked != null;
        }

        @Override
        public String toString() {
            return operation + (isDone() ? ", complete" : ", in flight");
        }
    }

    /** The last part of an asynchronous call, on a thread of the machine. Allocated before publication. */
    private static final class Last extends WaitingCall {
        private final Operation operation;
        private final StartedCall future;

        /** Whether everything but the completion is done. */
        private boolean isOver;

        private long result;
        private @Nullable Throwable thrown;

        Last(Operation operation, StartedCall future) {
            this.operation = operation;
            this.future = future;
        }

        @Override
        protected boolean isReady() {
            return true;
        }

        @Override
        public void run() {
            if (!isOver) {
                try {
                    result = populate(operation, operation.result());
                } catch (Throwable failed) {
                    // A synchronous call throws it to its caller.
                    thrown = failed;
                }
                isOver = true;
            }
            tell();
        }

        /** Completes the future of a call that has ended, and has nothing to fault in. */
        void complete() {
            result = operation.result();
            isOver = true;
            tell();
        }

        /** Completes the future, or has a thread of the machine do so once there is memory for that. */
        private void tell() {
            Throwable failed = thrown;
            try {
                if (failed == null) {
                    future.complete(result);
                } else {
                    future.completeExceptionally(failed);
                }
            } catch (OutOfMemoryError exhausted) {
                // Of a future that is done it concerns the calls of the embedder that depend on it.
                if (!future.isDone()) {
                    operation.layout().host().housekeeping().add(this);
                }
            }
        }
    }
}
