// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.fault.Populate;
import dev.samara.core.internal.op.Call;
import dev.samara.core.internal.op.Operation;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.WaitingCall;
import dev.samara.core.mman.PendingCall;

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
        return Populate.run(operation.layout(), operation.populations(), result);
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
        if (!operation.start(new Last(operation, pending))) {
            pending.complete(operation.result());
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
        public String toString() {
            return operation + (isDone() ? ", complete" : ", in flight");
        }
    }

    /** The last part of an asynchronous call, on a thread of the machine. Allocated before publication. */
    private static final class Last extends WaitingCall {
        private final Operation operation;
        private final StartedCall future;

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
            operation.end();
            try {
                future.complete(populate(operation, operation.result()));
            } catch (Throwable thrown) {
                // A synchronous call throws it to its caller.
                future.completeExceptionally(thrown);
            }
        }
    }
}
