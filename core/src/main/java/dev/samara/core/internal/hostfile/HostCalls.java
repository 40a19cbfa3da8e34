// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.sync.Pause;
import java.io.IOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;

/** Waits for the results of asynchronous calls of the host, without being interrupted. */
final class HostCalls {
    /** In nanoseconds: between two attempts to wait without memory. */
    private static final long MOMENT = 100_000;

    private HostCalls() {}

    /**
     * Waits for the result of a call, whatever interrupts come; the interrupt flag is set afterwards.
     *
     * @throws IOException if the call has failed: its own exception, or one that has it as its cause
     */
    static <T> T result(Future<T> call) throws IOException {
        boolean isInterrupted = false;
        try {
            for (; ; ) {
                try {
                    return call.get();
                } catch (InterruptedException later) {
                    isInterrupted = true;
                } catch (ExecutionException failed) {
                    Throwable cause = failed.getCause() == null ? failed : failed.getCause();
                    if (cause instanceof Error error) {
                        throw error;
                    }
                    throw cause instanceof IOException known ? known : new IOException(cause.toString(), cause);
                } catch (OutOfMemoryError exhausted) {
                    // The wait needs memory. The call goes on, and its buffer may not be used for anything else.
                    Pause.parkNanos(call, MOMENT);
                }
            }
        } finally {
            if (isInterrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
