// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("A stack reserve")
final class StackReserveTest {
    private static final int FRAMES = 4;
    private static final int STACK_BYTES = 256 << 10;

    /** Makes a check, and one within it, at each depth of a stack. */
    private static final class Nested {
        private final int within;

        /** How often the first check passed and the one within it failed. */
        private int broken;

        private int passed;
        private int refused;

        Nested(int within) {
            this.within = within;
        }

        Nested dive() {
            down(Integer.MAX_VALUE);
            return this;
        }

        private void down(int depth) {
            if (depth == 0) {
                return;
            }
            try {
                down(depth - 1);
            } catch (StackOverflowError end) {
                refused++;
            }
            boolean isReserved = false;
            try {
                StackReserve.check(StackReserve.around(within, FRAMES));
                isReserved = true;
                further(FRAMES - 1);
                passed++;
            } catch (StackOverflowError end) {
                if (isReserved) {
                    broken++;
                } else {
                    refused++;
                }
            }
        }

        private void further(int frames) {
            if (frames > 0) {
                further(frames - 1);
            } else {
                StackReserve.check(within);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 8, 9, 12, 16, 60})
    @DisplayName("around another one leaves enough stack for that one, whatever it is rounded to")
    void around(int within) throws Exception {
        // Once before, because the first call of a method needs stack for its resolution.
        new Nested(within).further(FRAMES);
        FutureTask<Nested> task = new FutureTask<>(() -> new Nested(within).dive());
        new Thread(null, task, "small stack", STACK_BYTES).start();
        Nested done = task.get();
        assertTrue(done.passed > 0 && done.refused > 0, done.passed + " passed, " + done.refused + " refused");
        assertEquals(0, done.broken);
    }
}
