// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The notice to the calls of a machine")
final class CallNoticeTest {
    private static final Duration LONG = Duration.ofHours(1);

    private final AtomicInteger failures = new AtomicInteger();
    private final Housekeeping housekeeping = new Housekeeping(this::start, Runnable::run, null);
    private final CallNotice notice = housekeeping.notice;

    private void start(Runnable task) {
        if (failures.getAndDecrement() > 0) {
            throw new StackOverflowError("planted in the start of " + task);
        }
    }

    private static final class Listed extends Housekeeping.Waiter {
        @Override
        protected boolean isReady() {
            return false;
        }

        @Override
        public void run() {}
    }

    private void take() {
        notice.take();
        housekeeping.attendAgain();
    }

    @Test
    @DisplayName("is posted where a call is listed without steps, until the steps are started")
    void unattended() {
        assertFalse(notice.isPosted);
        failures.set(2);
        assertThrows(StackOverflowError.class, () -> housekeeping.add(new Listed()));
        assertTrue(notice.isPosted, "added without steps");
        assertThrows(StackOverflowError.class, this::take);
        assertTrue(notice.isPosted, "failed again");
        take();
        assertFalse(notice.isPosted);
    }

    @Test
    @DisplayName("is posted as long as the timer has an attempt to start a thread")
    void threadToStart() {
        Background background = new Background(
                thrown -> {},
                LONG,
                LONG,
                thread -> {
                    throw new OutOfMemoryError("planted in the start of " + thread);
                },
                (task, nanos) -> {});
        background.postTo(notice);
        background.execute(() -> {});
        assertTrue(notice.isPosted, "to try later");
        notice.take();
        background.attendAgain();
        assertTrue(notice.isPosted, "the timer still has it");
    }

    @Test
    @DisplayName("is posted as long as one of the machine's backlogs is at its bound")
    void bounds() {
        Rcu first = rcu();
        Rcu second = rcu();
        assertTrue(first.beginTask());
        assertTrue(second.beginTask());
        assertTrue(notice.isPosted, "both are full");
        first.endTask();
        take();
        assertTrue(notice.isPosted, "one is full");
        second.endTask();
        assertTrue(notice.isPosted, "nobody has taken it yet");
        take();
        assertFalse(notice.isPosted);
        assertTrue(first.beginTask());
        assertTrue(notice.isPosted, "full again");
    }

    private Rcu rcu() {
        return new Rcu(
                new Rcu.Settings(Runnable::run, housekeeping, 1, Rcu.AtBound.REFUSE, Long.MAX_VALUE, report -> {}));
    }
}
