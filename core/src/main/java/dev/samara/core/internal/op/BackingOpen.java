// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.event.Report;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.tlb.Memory;
import dev.samara.core.internal.vma.Open;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmOperations;

/** An open that a backing has granted. A thread of the machine calls the backing when it ends. */
final class BackingOpen extends Open implements Runnable {
    private final MachineState host;
    private final VmOperations operations;
    private final VmArea vma;

    BackingOpen(MachineState host, VmOperations operations, VmArea vma) {
        this.host = host;
        this.operations = operations;
        this.vma = vma;
    }

    @Override
    protected void ended() {
        Memory memory = MachineState.memoryOf(vma);
        if (memory == null) {
            host.tasks().execute(this);
        } else {
            // A fault that has found the VMA may still ask for pages in memory; such a fault takes no reference.
            memory.rcu().call(this);
        }
    }

    @Override
    public void run() {
        try {
            operations.close(vma);
        } catch (Throwable thrown) {
            host.report(Report.Kind.CALLBACK_FAILED, "close of " + vma, thrown);
        }
    }

    @Override
    public String toString() {
        return "open of " + vma;
    }
}
