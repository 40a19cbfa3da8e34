// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.function.LongUnaryOperator;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Pauses between attempts, and what retries after them")
final class BackoffTest {
    /** A call whose steps the test runs. */
    private static final class Call extends Housekeeping.RetriedWaiter {
        @Override
        protected boolean isReady() {
            return isDue();
        }

        @Override
        public void run() {
            attempting();
        }
    }

    /** Fails twice with an exception and twice with its result. */
    private static final class Task extends Housekeeping.RetriedTask {
        private int attempts;

        @Override
        public boolean attempt() {
            if (++attempts <= 2) {
                throw new IllegalStateException("attempt " + attempts);
            }
            return attempts > 4;
        }
    }

    private static long[] pauses(int count, LongUnaryOperator next) {
        long[] pauses = new long[count];
        long pause = 0;
        for (int i = 0; i < count; i++) {
            pause = next.applyAsLong(pause);
            pauses[i] = pause;
        }
        return pauses;
    }

    private static void assertPauses(String expected, LongUnaryOperator next) {
        long[] pauses = pauses(expected.split(" ").length, next);
        StringBuilder text = new StringBuilder();
        for (long pause : pauses) {
            text.append(text.isEmpty() ? "" : " ").append(pause);
        }
        assertEquals(expected, text.toString());
    }

    @Test
    @DisplayName("double from the shortest to the longest one, which need not be a doubled one")
    void doubles() {
        assertPauses("3 6 12 20 20", pause -> Pause.next(pause, 3, 20));
        assertPauses("7 7", pause -> Pause.next(pause, 7, 7));
    }

    @Test
    @DisplayName("after failures last from 1 ms to 1 s, between polls from 1 us to 1 ms")
    void lengths() {
        long[] failures = pauses(12, Pause::afterFailure);
        assertEquals(1_000_000, failures[0]);
        assertEquals(512_000_000, failures[9]);
        assertEquals(1_000_000_000, failures[10]);
        assertEquals(1_000_000_000, failures[11]);
        long[] polls = pauses(12, Pause::betweenPolls);
        assertEquals(1_000, polls[0]);
        assertEquals(512_000, polls[9]);
        assertEquals(1_000_000, polls[10]);
        assertEquals(1_000_000, polls[11]);
    }

    @Test
    @DisplayName("a retried call tells its first failure, once, until it has succeeded")
    void firstFailure() {
        Call call = new Call();
        Throwable first = new IllegalStateException("first");
        assertNull(call.takeFailure());
        call.failed(first);
        call.failed(new IllegalStateException("second"));
        assertSame(first, call.takeFailure());
        assertNull(call.takeFailure());
        call.failed(new IllegalStateException("third"));
        assertNull(call.takeFailure());
        call.run();
        call.succeeded();
        Throwable later = new IllegalStateException("later");
        call.failed(later);
        assertSame(later, call.takeFailure());
    }

    @Test
    @DisplayName("a retried call is not ready during the pause, and is postponed until an attempt begins")
    void paused() {
        Call call = new Call();
        assertTrue(call.isReady());
        assertFalse(call.isPostponed());
        // Eleven failures without an attempt, so the last pause takes a second. No assertion waits for its end.
        for (int i = 0; i < 11; i++) {
            call.failed(new IllegalStateException("failure " + i));
        }
        assertFalse(call.isReady());
        assertTrue(call.isPostponed());
        call.run();
        assertFalse(call.isPostponed());
        assertTrue(call.isReady());
        call.postpone();
        assertTrue(call.isPostponed());
    }

    @Test
    @DisplayName("a retried task takes an exception and false for failures, and ends with the first success")
    void task() {
        Task task = new Task();
        task.run();
        assertEquals(5, task.attempts);
    }
}
