// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.event.Report;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

@DisplayName("a bounded wait of a test")
class AwaitTest {
    @Test
    @DisplayName("fails with the condition, the reports and the stacks of threads that are stuck")
    void fails() throws InterruptedException {
        CountDownLatch stuck = new CountDownLatch(1);
        Thread thread = new Thread(() -> Latches.await(stuck), "the stuck one");
        thread.start();
        // One look at its stack shows the wait only when the thread has come to it.
        Await.until(
                "the thread is stuck", () -> Stream.of(thread.getStackTrace()).anyMatch(AwaitTest::isTheWait));
        Report report = new Report(Report.Kind.LONG_WAIT, "cpu 7 does not answer", null);
        AssertionError failed = assertThrows(
                AssertionError.class,
                () -> Await.until(
                        Duration.ofMillis(1),
                        "it moves",
                        () -> thread.getState() == Thread.State.TERMINATED,
                        List.of(report),
                        thread));
        stuck.countDown();
        thread.join();
        String message = String.valueOf(failed.getMessage());
        for (String part : List.of(
                "not within 1 ms: it moves",
                "LONG_WAIT: cpu 7 does not answer",
                "\"the stuck one\"",
                Latches.class.getName() + ".await")) {
            assertTrue(message.contains(part), () -> part + " is not in\n" + message);
        }
    }

    private static boolean isTheWait(StackTraceElement frame) {
        return frame.getClassName().equals(Latches.class.getName())
                && frame.getMethodName().equals("await");
    }

    @Test
    @DisplayName(
            "for several results ends with them, or at once with the first failure or with an exception of the count")
    void all() {
        CompletableFuture<String> one = CompletableFuture.completedFuture("one");
        CompletableFuture<String> other = new CompletableFuture<>();
        AtomicInteger asked = new AtomicInteger();
        Await.all(
                "a task",
                () -> {
                    if (asked.incrementAndGet() == 3) {
                        other.complete("other");
                    }
                    return asked.get();
                },
                List.of(one, other));
        CompletableFuture<String> never = new CompletableFuture<>();
        IllegalStateException planted = new IllegalStateException("planted");
        CompletableFuture<String> failed = CompletableFuture.failedFuture(planted);
        AssertionError first =
                assertThrows(AssertionError.class, () -> Await.all("a task", () -> 0, List.of(never, failed)));
        assertSame(planted, Objects.requireNonNull(first.getCause()).getCause());
        Executable throwing = () -> Await.all(
                "a task",
                () -> {
                    throw planted;
                },
                List.of(never));
        assertSame(planted, assertThrows(IllegalStateException.class, throwing));
    }

    @Test
    @DisplayName("ends when the condition holds")
    void ends() {
        AtomicInteger asked = new AtomicInteger();
        Await.until("asked three times", () -> asked.incrementAndGet() == 3);
        Await.collected("nothing", new WeakReference<>(null));
    }
}
