// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.cost;

import org.jspecify.annotations.Nullable;

/**
 * Counts the steps of one thread: the calls to methods and the iterations of loops, in classes that a {@link
 * CountingClassLoader} loaded. All loaders share this class.
 */
public final class CountedSteps {
    private static @Nullable Thread counted;
    private static long steps;

    private CountedSteps() {}

    /**
     * Called by counted code. The race is benign: a thread finds itself in the field only if it called {@link #begin}.
     */
    public static void step() {
        if (Thread.currentThread() == counted) {
            steps++;
        }
    }

    /** Starts to count the steps of the calling thread, from 0. */
    public static void begin() {
        steps = 0;
        counted = Thread.currentThread();
    }

    public static void end() {
        counted = null;
    }

    /** Returns the number of steps so far. */
    public static long steps() {
        return steps;
    }
}
