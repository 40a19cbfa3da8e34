// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.event.Report;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.vma.Open;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmOperations;

/**
 * An open that a backing granted. When the open ends, one of the machine's threads calls the backing's {@code close}.
 */
final class BackingOpen extends Open implements Runnable {
    private final MachineState host;
    private final VmOperations operations;
    private final VmArea vma;

    private final Housekeeping.Waiter ending;

    /**
     * Written: the thread of the machine that runs the close (monitor).
     * Read: the thread of the machine that runs the close (monitor).
     * Invariant: the backing is notified of the end of an open once (I8), although the close may be submitted twice: by
     *     a call that failed after it added the close to {@code Housekeeping}, and then by the housekeeping.
     */
    @GuardedBy("this")
    private boolean isClosed;

    BackingOpen(MachineState host, VmOperations operations, VmArea vma) {
        this.host = host;
        this.operations = operations;
        this.vma = vma;
        ending = host.housekeeping().ensured(this::handOn);
    }

    @Override
    protected void ended() {
        ending.run();
    }

    private void handOn() {
        MachineMemory memory = MachineState.memoryOf(vma);
        if (memory == null) {
            host.tasks().execute(this);
        } else {
            // Deferred by a grace period, because a fault that has found the VMA, but holds no reference to it, may
            // still request pages.
            memory.rcu().call(this);
        }
    }

    @Override
    public void run() {
        if (!isFirst()) {
            return;
        }
        try {
            operations.close(vma);
        } catch (Throwable thrown) {
            host.report(Report.Kind.CALLBACK_FAILED, "close of " + vma, thrown);
        }
    }

    /** Returns true only once. The task may run twice, because a call may fail after it submitted the task. */
    private synchronized boolean isFirst() {
        boolean isFirst = !isClosed;
        isClosed = true;
        return isFirst;
    }

    @Override
    public String toString() {
        return "open of " + vma;
    }
}
