// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.sync.Pause;
import java.io.IOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/** Waits uninterruptibly for the results of asynchronous calls of the host. */
final class HostCalls {
    /** The pause in nanoseconds between two attempts to wait when memory is exhausted. */
    private static final long MOMENT = 100_000;

    private HostCalls() {}

    /**
     * Waits for the result of a call. An interrupt does not end the wait; the interrupt flag is set afterwards.
     *
     * @throws IOException if the call failed; the exception of the call, or an exception with it as the cause
     */
    static <T extends @Nullable Object> T result(Future<T> call) throws IOException {
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
                    // The wait needs memory. It must be retried, because the call continues and is still using its
                    // buffer.
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
