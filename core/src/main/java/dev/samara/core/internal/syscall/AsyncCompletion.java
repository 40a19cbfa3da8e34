// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.fault.Populate;
import dev.samara.core.internal.op.Operation;
import dev.samara.core.internal.sync.Housekeeping;
import org.jspecify.annotations.Nullable;

/**
 * Completes the future of an asynchronous call, after the pages that the call requested are faulted in. One of the
 * machine's threads runs this once the operation is complete. Allocated before publication.
 */
final class AsyncCompletion extends Housekeeping.Waiter {
    private final Operation operation;
    private final StartedCall future;

    /** Whether everything except the completion of the future is done. */
    private boolean isOver;

    private long result;
    private @Nullable Throwable thrown;

    AsyncCompletion(Operation operation, StartedCall future) {
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
                result = Populate.run(operation.layout, operation.populations(), operation.result());
            } catch (Throwable failed) {
                // The future completes with this exception; a synchronous call would throw it to its caller.
                thrown = failed;
            }
            isOver = true;
        }
        tell();
    }

    /** Completes the future of a call that has ended and has nothing to fault in. */
    void complete() {
        result = operation.result();
        isOver = true;
        tell();
    }

    /** Completes the future. If there is no memory for that, one of the machine's threads does so later. */
    private void tell() {
        Throwable failed = thrown;
        try {
            if (failed == null) {
                future.complete(result);
            } else {
                future.completeExceptionally(failed);
            }
        } catch (OutOfMemoryError exhausted) {
            // If the future is complete, the error was thrown by code of the embedder that depends on the future.
            if (!future.isDone()) {
                operation.layout.host().housekeeping().add(this);
            }
        }
    }
}
