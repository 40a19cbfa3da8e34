// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

/**
 * Finds the end of the stack early: in a place where nothing has been changed yet, and not later, within what gives something
 * back or finishes what others wait for.
 */
final class StackReserve {
    /** For a fork. */
    static final int MANY = 256;

    private StackReserve() {}

    /**
     * Goes some calls deep, and returns. An interpreted frame has about 100 bytes, a compiled one 32 at least.
     *
     * @param frames how many calls
     * @return the sum of the numbers up to that, so that no compiler makes a loop of it
     * @throws StackOverflowError if the thread's stack does not reach so far
     */
    static int check(int frames) {
        return frames == 0 ? 0 : frames + check(frames - 1);
    }
}
