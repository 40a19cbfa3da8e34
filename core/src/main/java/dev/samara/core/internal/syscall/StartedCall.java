// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.op.Operation;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.mman.PendingCall;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;

/** An asynchronous call. Its result is the result of the operation, which the caller has already published. */
final class StartedCall extends PendingCall {
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
            // The flag is cleared, because a thread whose interrupt flag is set does not park.
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
     * Checks that this thread may wait. A CPU of this thread in GUEST, for which the call may wait, would never poll. A
     * callback of a retirement, or of a step that asks waiting calls whether they can continue, would delay work for
     * which this call may wait.
     */
    private void checkMayWait() {
        if (!isDone()) {
            String what = "a wait for an asynchronous call";
            ThreadCpus.checkMayWait(what);
            operation.layout.host().checkMayWaitForTasks(what);
        }
    }

    /** Runs a step of the housekeeping; returns false if other threads run the steps. */
    private boolean step() {
        Housekeeping invoked = operation.layout.host().invoked();
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
