// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

/**
 * The last resort for an exception on a thread that must continue, when the machine's reporter or one of the embedder's
 * handlers threw an exception.
 */
public final class ReporterFailure {
    private ReporterFailure() {}

    /**
     * Passes an exception to the calling thread's uncaught exception handler. Returns normally whatever the handler
     * does.
     *
     * @param thrown the exception
     */
    public static void report(Throwable thrown) {
        Thread thread = Thread.currentThread();
        try {
            thread.getUncaughtExceptionHandler().uncaughtException(thread, thrown);
        } catch (Throwable ignored) {
            // Ignored, as the JVM ignores exceptions of uncaught exception handlers.
        }
    }
}
