// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("When threads have met often enough to divide a layout")
final class MeetingTimesTest {
    private static final int ENOUGH = MeetingsByHand.ENOUGH;
    private static final long WINDOW = 100_000_000;
    private static final long FIRST_PAUSE = 1_000_000;
    private static final long WORTHWHILE = 512;

    private final MeetingsByHand meetings = new MeetingsByHand();

    @Test
    @DisplayName("at the 16th meeting of two threads, and at each later one")
    void enough() {
        assertFalse(meetings.meet(ENOUGH - 1));
        assertTrue(meetings.meet(1));
        assertTrue(meetings.meet(1));
        meetings.clear();
        assertFalse(meetings.meet(ENOUGH - 1));
        assertTrue(meetings.meet(1));
    }

    @Test
    @DisplayName("not by meetings of one thread alone")
    void oneThread() {
        for (int i = 0; i < 3 * ENOUGH; i++) {
            assertFalse(meetings.meets(1, 0x1000, 0x2000));
        }
        assertTrue(meetings.meets(2, 0x4000, 0x5000));
    }

    @Test
    @DisplayName("not by calls that name no range, or an empty one")
    void noRange() {
        assertFalse(meetings.meet(ENOUGH - 1));
        assertFalse(meetings.meets(0, 0x2000, -1));
        assertFalse(meetings.meets(0, 0x2000, 0x2000));
        assertFalse(meetings.meets(0, 0x3000, 0x2000));
        assertFalse(meetings.meets(0, 0x8000_0000_0000_0000L, 0x2000));
        assertTrue(meetings.meets(0, 0x2000, 0x8000_0000_0000_0000L), "unsigned");
    }

    @Test
    @DisplayName("only if all of them are within 100 ms: after that they are forgotten")
    void window() {
        assertFalse(meetings.meet(ENOUGH - 1));
        meetings.now += WINDOW - 1;
        assertTrue(meetings.meet(1));
        meetings.clear();
        assertFalse(meetings.meet(ENOUGH - 1));
        meetings.now += WINDOW;
        assertFalse(meetings.meet(1));
        assertFalse(meetings.meet(ENOUGH - 1), "they were forgotten");
        assertTrue(meetings.meet(1));
    }

    private void assertPause(long nanos) {
        assertTrue(meetings.isPaused());
        meetings.now += nanos - 1;
        assertTrue(meetings.isPaused());
        assertFalse(meetings.meet(2 * ENOUGH), "in the pause");
        meetings.now++;
        assertFalse(meetings.isPaused());
        assertFalse(meetings.meet(ENOUGH - 1), "no meeting of the pause counts");
        assertTrue(meetings.meet(1));
    }

    @Test
    @DisplayName("not in the pause after a division was declined: 1 ms, then twice as long each time up to 64 ms")
    void pauses() {
        assertFalse(meetings.isPaused());
        for (long pause = FIRST_PAUSE; pause <= 64 * FIRST_PAUSE; pause *= 2) {
            meetings.declined();
            assertPause(pause);
        }
        for (int i = 0; i < 3; i++) {
            meetings.declined();
            assertPause(64 * FIRST_PAUSE);
        }
        meetings.divided();
        assertFalse(meetings.isPaused());
        meetings.declined();
        assertPause(FIRST_PAUSE);
    }

    @Test
    @DisplayName("a pause that begins at a meeting does not end those that have begun before")
    void declinedForgets() {
        assertFalse(meetings.meet(ENOUGH - 1));
        meetings.declined();
        meetings.now += FIRST_PAUSE;
        assertFalse(meetings.meet(1), "what was met before the pause is forgotten");
    }

    @Test
    @DisplayName("a division ends a pause")
    void divided() {
        meetings.declined();
        meetings.divided();
        assertFalse(meetings.isPaused());
        assertFalse(meetings.meet(ENOUGH - 1));
        assertTrue(meetings.meet(1));
    }

    @Test
    @DisplayName("a join is a division that did not pay, unless the parts had 512 operations: then there is no pause")
    void joined() {
        meetings.meet(ENOUGH - 1);
        meetings.joined(WORTHWHILE - 1);
        assertPause(FIRST_PAUSE);
        meetings.joined(WORTHWHILE - 1);
        assertPause(2 * FIRST_PAUSE);
        meetings.joined(WORTHWHILE);
        assertFalse(meetings.isPaused());
        assertFalse(meetings.meet(ENOUGH - 1), "what was met before is forgotten");
        assertTrue(meetings.meet(1));
        meetings.joined(0);
        assertPause(FIRST_PAUSE);
    }
}
