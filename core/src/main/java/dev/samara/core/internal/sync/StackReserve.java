// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

/**
 * Detects the end of the stack early, before anything is changed, and not in code that releases resources or finishes
 * work for which other threads wait.
 */
public final class StackReserve {
    /** The number of frames for a fork. */
    public static final int MANY = 150;

    private StackReserve() {}

    /**
     * Calls itself to a depth, and returns. An interpreted frame has about 190 bytes, a compiled one at least 32.
     *
     * @param frames the number of calls
     * @throws StackOverflowError if the thread's stack has no space for that many
     */
    public static void check(int frames) {
        descend(frames, 0, 0, 0, 0, 0);
    }

    /**
     * Returns the sum of the numbers up to {@code frames}, so that no compiler makes a loop of it. The other arguments
     * make an interpreted frame wide, and stay in registers of a compiled one.
     */
    private static int descend(int frames, long a, long b, long c, long d, long e) {
        return frames == 0 ? 0 : frames + descend(frames - 1, a, b, c, d, e);
    }
}
