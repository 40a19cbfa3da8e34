// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import java.util.Random;

/**
 * Something that one thread does to the tree over and over until the time is up. What it notices it tells its checkers.
 */
interface Actor {
    /**
     * One round, a few microseconds to a few milliseconds long.
     *
     * @param random this thread's own; the same for the same seed
     */
    void step(Random random);

    /** Once, when all actors have stopped. */
    default void finish() {}
}
