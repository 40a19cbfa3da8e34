// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("When threads have met often enough to divide a layout")
final class ContentionTimesTest {
    private static final int ENOUGH = ContentionByHand.ENOUGH;
    private static final long WINDOW = 100_000_000;
    private static final long FIRST_PAUSE = 1_000_000;
    private static final long WORTHWHILE = 512;

    private final ContentionByHand contention = new ContentionByHand();

    @Test
    @DisplayName("at the 16th meeting of two threads, and at each later one")
    void enough() {
        assertFalse(contention.meet(ENOUGH - 1));
        assertTrue(contention.meet(1));
        assertTrue(contention.meet(1));
        contention.clear();
        assertFalse(contention.meet(ENOUGH - 1));
        assertTrue(contention.meet(1));
    }

    @Test
    @DisplayName("not by meetings of one thread alone")
    void oneThread() {
        for (int i = 0; i < 3 * ENOUGH; i++) {
            assertFalse(contention.meets(1, 0x1000, 0x2000));
        }
        assertTrue(contention.meets(2, 0x4000, 0x5000));
    }

    @Test
    @DisplayName("not by calls that name no range, or an empty one")
    void noRange() {
        assertFalse(contention.meet(ENOUGH - 1));
        assertFalse(contention.meets(0, 0x2000, -1));
        assertFalse(contention.meets(0, 0x2000, 0x2000));
        assertFalse(contention.meets(0, 0x3000, 0x2000));
        assertFalse(contention.meets(0, 0x8000_0000_0000_0000L, 0x2000));
        assertTrue(contention.meets(0, 0x2000, 0x8000_0000_0000_0000L), "unsigned");
    }

    @Test
    @DisplayName("only if all of them are within 100 ms: after that they are forgotten")
    void window() {
        assertFalse(contention.meet(ENOUGH - 1));
        contention.now += WINDOW - 1;
        assertTrue(contention.meet(1));
        contention.clear();
        assertFalse(contention.meet(ENOUGH - 1));
        contention.now += WINDOW;
        assertFalse(contention.meet(1));
        assertFalse(contention.meet(ENOUGH - 1), "they were forgotten");
        assertTrue(contention.meet(1));
    }

    private void assertPause(long nanos) {
        assertTrue(contention.isPaused());
        contention.now += nanos - 1;
        assertTrue(contention.isPaused());
        assertFalse(contention.meet(2 * ENOUGH), "in the pause");
        contention.now++;
        assertFalse(contention.isPaused());
        assertFalse(contention.meet(ENOUGH - 1), "no meeting of the pause counts");
        assertTrue(contention.meet(1));
    }

    @Test
    @DisplayName("not in the pause after a division was declined: 1 ms, then twice as long each time up to 64 ms")
    void pauses() {
        assertFalse(contention.isPaused());
        for (long pause = FIRST_PAUSE; pause <= 64 * FIRST_PAUSE; pause *= 2) {
            contention.declined();
            assertPause(pause);
        }
        for (int i = 0; i < 3; i++) {
            contention.declined();
            assertPause(64 * FIRST_PAUSE);
        }
        contention.divided();
        assertFalse(contention.isPaused());
        contention.declined();
        assertPause(FIRST_PAUSE);
    }

    @Test
    @DisplayName("a pause that begins at a meeting does not end those that have begun before")
    void declinedForgets() {
        assertFalse(contention.meet(ENOUGH - 1));
        contention.declined();
        contention.now += FIRST_PAUSE;
        assertFalse(contention.meet(1), "what was met before the pause is forgotten");
    }

    @Test
    @DisplayName("a division ends a pause")
    void divided() {
        contention.declined();
        contention.divided();
        assertFalse(contention.isPaused());
        assertFalse(contention.meet(ENOUGH - 1));
        assertTrue(contention.meet(1));
    }

    @Test
    @DisplayName("a join is a division that did not pay, unless the parts had 512 operations: then there is no pause")
    void joined() {
        contention.meet(ENOUGH - 1);
        contention.joined(WORTHWHILE - 1);
        assertPause(FIRST_PAUSE);
        contention.joined(WORTHWHILE - 1);
        assertPause(2 * FIRST_PAUSE);
        contention.joined(WORTHWHILE);
        assertFalse(contention.isPaused());
        assertFalse(contention.meet(ENOUGH - 1), "what was met before is forgotten");
        assertTrue(contention.meet(1));
        contention.joined(0);
        assertPause(FIRST_PAUSE);
    }
}
