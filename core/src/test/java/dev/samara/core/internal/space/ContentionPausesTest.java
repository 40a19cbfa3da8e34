// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A division that did not pay is not repeated at once")
class ContentionPausesTest {
    private static final int DIVISIONS = 40;

    private final LockContention contention = new LockContention();

    /** Meets at the lock, like two threads that work in different places. */
    private boolean meetsOften() throws InterruptedException {
        boolean[] mayDivide = {false};
        Thread other = new Thread(() -> mayDivide[0] = contention.mayDivide(0x2000, 0x3000));
        other.start();
        other.join();
        for (int i = 0; i < 1000 && !mayDivide[0]; i++) {
            mayDivide[0] = contention.mayDivide(0x8000, 0x9000);
        }
        return mayDivide[0];
    }

    /**
     * Checks only that pauses, which double from 1 ms up to 64 ms, are long enough, which also holds on a slow machine.
     */
    @Test
    @DisplayName("the pauses of 1 to 64 ms bound the number of divisions in a time")
    void pauses() throws InterruptedException {
        long began = System.nanoTime();
        int divisions = 0;
        long pauses = 0;
        long pause = 1_000_000;
        for (int round = 0; round < DIVISIONS; round++) {
            if (meetsOften()) {
                divisions++;
                contention.joined(0);
                pauses += divisions == 1 ? 0 : pause;
                pause = divisions == 1 ? pause : Math.min(2 * pause, 64_000_000);
                long passed = System.nanoTime() - began;
                assertTrue(pauses <= passed, divisions + " divisions in " + passed / 1000 + " us");
            }
        }
        assertTrue(divisions > 0);
    }
}
