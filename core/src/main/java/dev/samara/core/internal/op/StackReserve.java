// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

/**
 * Finds the end of the stack early: in a place where nothing has been changed yet, and not later, within what gives
 * something back or finishes what others wait for.
 */
public final class StackReserve {
    /** For a fork. */
    public static final int MANY = 150;

    private StackReserve() {}

    /**
     * Goes some calls deep, and returns. An interpreted frame has about 190 bytes, a compiled one 32 at least.
     *
     * @param frames how many calls
     * @throws StackOverflowError if the thread's stack does not reach so far
     */
    public static void check(int frames) {
        descend(frames, 0, 0, 0, 0, 0);
    }

    /**
     * Returns the sum of the numbers up to the first, so that no compiler makes a loop of it. The others make an
     * interpreted frame wide, and stay in registers if this is compiled.
     */
    private static int descend(int frames, long a, long b, long c, long d, long e) {
        return frames == 0 ? 0 : frames + descend(frames - 1, a, b, c, d, e);
    }
}
