// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import java.util.Random;

/** An action that one thread repeats on the tree until the time is up. It reports its findings to its checkers. */
interface Actor {
    /**
     * Runs one round, which takes a few microseconds to a few milliseconds.
     *
     * @param random the thread's own generator; it is the same for the same seed
     */
    void step(Random random);

    /** Called once, when all actors have stopped. */
    default void finish() {}
}
