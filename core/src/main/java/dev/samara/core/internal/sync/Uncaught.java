// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

/** Where something goes that was thrown at a thread which must go on. */
public final class Uncaught {
    private Uncaught() {}

    /**
     * Hands it to the calling thread's uncaught exception handler, and returns whatever that does.
     *
     * @param thrown what was thrown
     */
    public static void report(Throwable thrown) {
        Thread thread = Thread.currentThread();
        try {
            thread.getUncaughtExceptionHandler().uncaughtException(thread, thrown);
        } catch (Throwable ignored) {
            // As the JVM does with what such a handler throws.
        }
    }
}
