// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A call that is retried")
final class RetriedCallTest {
    private static final class Call extends RetriedCall {
        @Override
        protected boolean isReady() {
            return isDue();
        }

        @Override
        protected boolean mayWait() {
            return false;
        }

        @Override
        public void run() {
            attempting();
        }
    }

    private final Call call = new Call();
    private final Throwable first = new IllegalStateException("first");
    private final Throwable second = new IllegalStateException("second");

    @Test
    @DisplayName("hands out its first failure, once, and no later one until it has succeeded")
    void failures() {
        assertNull(call.takeFailure());
        call.failed(first);
        call.failed(second);
        assertSame(first, call.takeFailure());
        assertNull(call.takeFailure());
        call.failed(second);
        assertNull(call.takeFailure());
        call.succeeded();
        call.failed(second);
        assertSame(second, call.takeFailure());
    }

    @Test
    @DisplayName("hands out no step that was postponed")
    void postponed() {
        call.postpone();
        assertNull(call.takeFailure());
        assertTrue(call.isPostponed());
    }

    @Test
    @DisplayName("has a pause from a failure to the next attempt, and none before")
    void pauses() {
        assertTrue(call.isReady());
        assertFalse(call.isPostponed());
        call.failed(first);
        assertTrue(call.isPostponed());
        call.run();
        assertFalse(call.isPostponed());
        assertTrue(call.isReady());
    }
}
