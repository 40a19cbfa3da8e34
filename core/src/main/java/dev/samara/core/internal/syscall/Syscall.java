// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.fault.Populate;
import dev.samara.core.internal.op.Call;
import dev.samara.core.internal.op.Operation;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.mman.PendingCall;

/** The common entry point of the calls that change a layout. */
final class Syscall {
    private Syscall() {}

    /**
     * Runs a call, waits until it is complete, and faults in the ranges that it requested. The caller must hold no
     * lock.
     *
     * @return the result of the call, or a negated errno
     */
    static long run(Layout layout, Call call) {
        Operation operation = new Operation(layout, call);
        long result = operation.run();
        return Populate.run(layout, operation.populations(), result);
    }

    /**
     * Runs a call up to publication; one of the machine's threads does the rest, and completes the future. The caller
     * must hold no lock.
     *
     * @return the call, with its result, which is a negated errno if the call is refused
     */
    static PendingCall start(Layout layout, Call call) {
        Operation operation = new Operation(layout, call);
        StartedCall pending = new StartedCall(operation);
        AsyncCompletion completion = new AsyncCompletion(operation, pending);
        if (!operation.start(completion)) {
            completion.complete();
        }
        return pending;
    }
}
