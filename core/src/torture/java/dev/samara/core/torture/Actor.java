// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import java.util.Random;

/**
 * An action that one thread repeats on the space until the time is over. It passes its observations to its checkers.
 */
interface Actor {
    /**
     * One round, a few microseconds to a few milliseconds long.
     *
     * @param random this thread's own; the same for the same seed
     */
    void step(Random random);
}
