// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.failure;

import dev.samara.core.interleave.schedule.Steps;
import java.util.ArrayList;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The entry of code with failure points: each method reaches a point of the calling thread. On a thread that belongs to
 * no run, in the initialization of classes and in judgements nothing fails.
 */
public final class FailurePoints {
    private static final Map<FailureKind, Set<String>> KNOWN = new ConcurrentHashMap<>();
    private static final Map<FailureKind, Set<String>> REACHED = new ConcurrentHashMap<>();

    /** The failure to come; null for none. */
    private static volatile @Nullable Injection next;

    private FailurePoints() {}

    /** Sets the failure of the runs from now on; null for none. */
    public static void set(@Nullable Injection injection) {
        next = injection;
    }

    /** Begins a run. */
    public static void begin() {
        Injection injection = next;
        if (injection != null) {
            injection.begin();
        }
    }

    /** The calling thread begins an operation. */
    public static void arm() {
        Injection injection = next;
        if (injection != null) {
            injection.arm(Thread.currentThread());
        }
    }

    /** The calling thread has ended its operation. */
    public static void disarm() {
        Injection injection = next;
        if (injection != null) {
            injection.disarm(Thread.currentThread());
        }
    }

    /** Returns whether something has failed in this run. */
    public static boolean hasFailed() {
        Injection injection = next;
        return injection != null && injection.failed() != null;
    }

    /** Returns whether something has failed in this run, in a method of a class. */
    public static boolean hasFailedIn(String method) {
        Injection injection = next;
        String failed = injection == null ? null : injection.failed();
        return failed != null && failed.startsWith(method + ':');
    }

    /** Returns whether an exception is one that a failure point has thrown, or comes from one. */
    public static boolean isCauseOf(Throwable caught) {
        Injection injection = next;
        return injection != null && injection.isCauseOf(caught);
    }

    private static @Nullable Injection current() {
        Injection injection = next;
        return injection != null && Steps.isStepping() ? injection : null;
    }

    private static void reach(FailureKind kind, String site) {
        Injection injection = current();
        if (injection != null) {
            injection.reach(kind, Thread.currentThread(), site);
        }
    }

    private static boolean fails(FailureKind kind, String site) {
        Injection injection = current();
        return injection != null && injection.isNext(kind, Thread.currentThread(), site);
    }

    /** Before an instruction or a call that allocates. */
    public static void allocation(String site) {
        reach(FailureKind.ALLOCATION, site);
    }

    /** Before an iteration, which allocates an iterator for each collection but an ArrayList. */
    public static void iteration(Object receiver, String site) {
        if (!(receiver instanceof ArrayList)) {
            allocation(site);
        }
    }

    /** Before the start of a thread. */
    public static void thread(String site) {
        reach(FailureKind.THREAD, site);
    }

    /** Before a task is given to an executor; that of a machine refuses none. */
    public static void task(Object executor, String site) {
        if (executor.getClass().getName().startsWith("dev.samara.core.interleave.")) {
            reach(FailureKind.TASK, site);
        }
    }

    /** Before a call of a backing, frame store or listener. */
    public static void callback(String site) {
        Injection injection = current();
        if (injection != null && injection.kind().isCallback()) {
            injection.reach(injection.kind(), Thread.currentThread(), site);
        }
    }

    /** Before a frame is taken; returns whether there is none. */
    public static boolean lacksFrame(String site) {
        return fails(FailureKind.FRAME, site);
    }

    /** After a store was asked for more frames; returns its answer. */
    public static boolean extended(boolean answer, String site) {
        return !fails(FailureKind.STORE, site) && answer;
    }

    /** At the entry of a method, whose end calls {@link #leave}. */
    public static void enter(int bytes, String site) {
        Injection injection = current();
        if (injection != null) {
            injection.enter(Thread.currentThread(), bytes, site, true);
        }
    }

    /** At the entry of a constructor, which calls nothing at its end. */
    public static void construct(int bytes, String site) {
        Injection injection = current();
        if (injection != null) {
            injection.enter(Thread.currentThread(), bytes, site, false);
        }
    }

    /** At the end of a method, also of one that throws. */
    public static void leave(int bytes) {
        Injection injection = current();
        if (injection != null) {
            injection.leave(Thread.currentThread(), bytes);
        }
    }

    @SuppressWarnings("unchecked")
    static <T extends Throwable> void throwAny(Throwable thrown) throws T {
        throw (T) thrown;
    }

    /** Notes a point of a class that was loaded. */
    public static void noteKnown(FailureKind kind, String site) {
        KNOWN.computeIfAbsent(kind, any -> ConcurrentHashMap.newKeySet()).add(site);
    }

    static void noteReached(FailureKind kind, String site) {
        REACHED.computeIfAbsent(kind, any -> ConcurrentHashMap.newKeySet()).add(site);
    }

    /** Returns the places of a kind in the classes that were loaded. */
    public static Set<String> known(FailureKind kind) {
        return KNOWN.getOrDefault(kind, Set.of());
    }

    /** Returns the places of a kind that runs have reached. */
    public static Set<String> reached(FailureKind kind) {
        return REACHED.getOrDefault(kind, Set.of());
    }
}
