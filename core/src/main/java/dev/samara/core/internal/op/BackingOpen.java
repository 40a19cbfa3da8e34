// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.event.Report;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.sync.EnsuredTask;
import dev.samara.core.internal.vma.Open;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmOperations;

/** An open that a backing has granted. A thread of the machine calls the backing when it ends. */
final class BackingOpen extends Open implements Runnable {
    private final MachineState host;
    private final VmOperations operations;
    private final VmArea vma;

    private final EnsuredTask ending;

    /**
     * @written the thread of the machine that runs the close (monitor)
     * @read the thread of the machine that runs the close (monitor)
     * @invariant the backing is told of the end of an open once (I8), although the close may have been handed on twice:
     *     by a call that has failed after it had listed the close, and then by the housekeeping
     */
    @GuardedBy("this")
    private boolean isClosed;

    BackingOpen(MachineState host, VmOperations operations, VmArea vma) {
        this.host = host;
        this.operations = operations;
        this.vma = vma;
        ending = new EnsuredTask(host.housekeeping(), this::handOn);
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
            // A fault that has found the VMA may still ask for pages in memory; such a fault takes no reference.
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

    /** A task may have been handed on by a call that has failed afterwards. */
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
