// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import java.util.Random;

/** An action that one thread repeats on the space until time is up. It passes its observations to its checkers. */
interface Actor {
    /**
     * Performs one round, which takes a few microseconds to a few milliseconds.
     *
     * @param random the thread's own generator, whose numbers depend only on the seed
     */
    void step(Random random);
}
