// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;

/** Backgrounds with different patience, and tasks for them. */
abstract class BackgroundFixture {
    static final Duration NEVER = Duration.ofDays(1);
    static final Duration SOON = Duration.ofMillis(1);

    static void fail(Throwable thrown) {
        throw new AssertionError(thrown);
    }

    /** Creates a background in which no task is ever late, so that one thread runs all tasks. */
    static Background patient() {
        return new Background(BackgroundFixture::fail, NEVER, NEVER);
    }

    /** Creates a background in which each task that waits is late. */
    static Background hasty() {
        return new Background(BackgroundFixture::fail, SOON, NEVER);
    }

    static Runnable awaiting(CountDownLatch latch) {
        return () -> {
            try {
                latch.await();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        };
    }

    static <T> T ask(Background background, Callable<T> question) throws Exception {
        FutureTask<T> task = new FutureTask<>(question);
        background.execute(task);
        return task.get();
    }

    static long threadsOf(Background background) {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(background::isOf)
                .count();
    }
}
