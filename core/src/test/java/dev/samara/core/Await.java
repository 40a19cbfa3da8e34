// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.event.Report;
import java.lang.ref.Reference;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.function.BooleanSupplier;
import java.util.function.IntSupplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Bounded waiting in tests: until a condition holds, or for a minute, of which a loaded machine may need a part. A wait
 * that ends without its condition fails with the reports of the machine (an operation that waits long, a CPU that does
 * not answer) and the stacks of the threads in this library.
 */
public final class Await {
    private static final Duration LIMIT = Duration.ofMinutes(1);

    /**
     * The time after which a test's machine reports a wait: early enough to be part of the message of a wait that has
     * failed.
     */
    public static final Duration LONG = LIMIT.dividedBy(2);

    private Await() {}

    /**
     * Waits until a condition holds.
     *
     * @param what the condition in words, for the message
     * @param condition asked again and again by the calling thread
     * @param reports where the machine's reports are collected; read if the wait fails
     * @param named threads whose stacks are printed besides those of all platform threads: virtual ones
     */
    public static void until(String what, BooleanSupplier condition, Collection<Report> reports, Thread... named) {
        until(LIMIT, what, condition, reports, named);
    }

    /** Waits until a condition holds, where no machine reports anything. */
    public static void until(String what, BooleanSupplier condition, Thread... named) {
        until(LIMIT, what, condition, List.of(), named);
    }

    /** Waits until a thread waits for something or has ended, where no machine reports anything. */
    public static void stopped(Thread thread) {
        stopped(thread, List.of());
    }

    /** Waits until a thread is in a state other than running: it waits for something, or has ended. */
    public static void stopped(Thread thread, Collection<Report> reports) {
        until(
                thread.getName() + " waits or has ended",
                () -> thread.getState() != Thread.State.RUNNABLE && thread.getState() != Thread.State.NEW,
                reports,
                thread);
    }

    /** Waits for a result; what its computation has thrown fails the test. */
    public static <T> T result(String what, Future<T> future, Collection<Report> reports) {
        until(what, future::isDone, reports);
        try {
            return future.get();
        } catch (InterruptedException | ExecutionException failed) {
            throw new AssertionError(what, failed);
        }
    }

    /**
     * Waits for results for as long as a count changes or results come. What a computation has thrown fails the test at
     * once.
     *
     * @param what the computations in words, for the message
     * @param count changes with each step of the computations; what this throws fails the test at once
     * @param results one for each computation
     * @param named threads whose stacks are printed besides those of all platform threads: virtual ones
     */
    public static void all(String what, IntSupplier count, Collection<? extends Future<?>> results, Thread... named) {
        long done = done(results);
        while (done != results.size()) {
            // First: a computation that has failed is why others wait.
            results.stream().filter(Future::isDone).forEach(result -> result(what, result, List.of()));
            long before = done;
            int seen = count.getAsInt();
            until(
                    what + " goes on behind step " + seen,
                    () -> count.getAsInt() != seen || done(results) != before,
                    named);
            done = done(results);
        }
        results.forEach(result -> result(what, result, List.of()));
    }

    private static long done(Collection<? extends Future<?>> results) {
        return results.stream().filter(Future::isDone).count();
    }

    /** Collects garbage until an object is gone. */
    public static void collected(String what, Reference<?> object) {
        until(what + " is garbage", () -> {
            System.gc();
            return object.refersTo(null);
        });
    }

    @SuppressWarnings("ThreadPriorityCheck") // nothing relies on it, but with one processor the other thread needs it
    static void until(
            Duration limit, String what, BooleanSupplier condition, Collection<Report> reports, Thread... named) {
        long end = System.nanoTime() + limit.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - end >= 0) {
                throw new AssertionError(
                        "not within " + limit.toMillis() + " ms: " + what + reported(reports) + stacks(named));
            }
            Thread.yield();
        }
    }

    private static String reported(Collection<Report> reports) {
        return reports.stream()
                .map(report -> "\n  " + report.kind() + ": " + report.message())
                .collect(Collectors.joining("", "\nreports: " + reports.size(), ""));
    }

    private static String stacks(Thread... named) {
        Map<Thread, StackTraceElement[]> all = Thread.getAllStackTraces();
        Stream.of(named).forEach(thread -> all.put(thread, thread.getStackTrace()));
        return all.entrySet().stream()
                .filter(each -> Stream.of(each.getValue()).anyMatch(Await::isOurs))
                .map(each ->
                        "\n\"" + each.getKey().getName() + "\" " + each.getKey().getState()
                                + Stream.of(each.getValue())
                                        .map(frame -> "\n  at " + frame)
                                        .collect(Collectors.joining()))
                .collect(Collectors.joining());
    }

    private static boolean isOurs(StackTraceElement frame) {
        return frame.getClassName().startsWith("dev.samara.");
    }
}
