// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.failure;

import dev.samara.interleave.schedule.Steps;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;

/**
 * The methods that code with failure points calls. Each call is a point that the calling thread reaches. Nothing fails
 * on a thread that belongs to no run, in class initializers, or while a scenario judges.
 */
public final class FailurePoints {
    private static final Map<FailureKind, Set<String>> KNOWN = new ConcurrentHashMap<>();
    private static final Map<FailureKind, Set<String>> REACHED = new ConcurrentHashMap<>();

    private static final Injection[] NONE = {};

    /** The failure to inject. It contains more than one element only if points are counted and nothing fails. */
    private static volatile Injection[] next = NONE;

    private FailurePoints() {}

    /** Sets the failure to inject in the following runs. If there are several, each must only count points. */
    public static void set(Injection... injections) {
        next = injections.clone();
    }

    /** Starts a run. */
    public static void begin() {
        for (Injection injection : next) {
            injection.begin();
        }
    }

    /** Marks the start of an operation on the calling thread. */
    public static void arm() {
        for (Injection injection : next) {
            injection.arm(Thread.currentThread());
        }
    }

    /** Marks the end of the calling thread's operation. */
    public static void disarm() {
        for (Injection injection : next) {
            injection.disarm(Thread.currentThread());
        }
    }

    private static boolean isAny(Predicate<Injection> condition) {
        return Arrays.stream(next).anyMatch(condition);
    }

    /** Returns whether a point failed in this run. */
    public static boolean hasFailed() {
        return isAny(injection -> injection.failed() != null);
    }

    /** Returns whether a point failed in this run in a way that permits calls to return errors. */
    public static boolean mayRefuse() {
        return isAny(injection -> injection.failed() != null && injection.kind().mayRefuse());
    }

    /** Returns whether a point failed in this run in a way that permits the machine to report it. */
    public static boolean mayReport() {
        return isAny(injection -> injection.failed() != null && injection.kind().mayReport());
    }

    /** Returns whether a point in the given method failed in this run; the name of the method includes its class. */
    public static boolean hasFailedIn(String method) {
        return isAny(injection -> {
            String failed = injection.failed();
            return failed != null && failed.startsWith(method + ':');
        });
    }

    /** Returns whether an exception was thrown by a failure point, or was caused by such an exception. */
    public static boolean isCauseOf(Throwable caught) {
        return isAny(injection -> injection.isCauseOf(caught));
    }

    /** Returns whether the calling thread was interrupted in this run. */
    public static boolean hasInterrupted() {
        return isAny(injection -> injection.hasInterrupted(Thread.currentThread()));
    }

    private static Injection[] current() {
        Injection[] injections = next;
        return injections.length == 0 || Steps.isStepping() ? injections : NONE;
    }

    private static void reach(FailureKind kind, String site) {
        for (Injection injection : current()) {
            injection.reach(kind, Thread.currentThread(), site);
        }
    }

    private static boolean fails(FailureKind kind, String site) {
        boolean fails = false;
        for (Injection injection : current()) {
            fails |= injection.isNext(kind, Thread.currentThread(), site);
        }
        return fails;
    }

    /** Called before a wait. */
    public static void beforeWait(String site) {
        for (Injection injection : next) {
            if (injection.interrupts(Thread.currentThread(), site)) {
                Steps.interruptSelf();
            }
        }
    }

    /** Called when a thread reads the clock; returns the time to read. */
    public static long time(long now) {
        long time = now;
        for (Injection injection : current()) {
            time = injection.time(time, Thread.currentThread());
        }
        return time;
    }

    /** Called before an instruction or a call that allocates. */
    public static void allocation(String site) {
        reach(FailureKind.ALLOCATION, site);
    }

    /** Called before an iteration, which allocates an iterator except for an ArrayList. */
    public static void iteration(Object receiver, String site) {
        if (!(receiver instanceof ArrayList)) {
            allocation(site);
        }
    }

    /** Called before a thread is started. */
    public static void thread(String site) {
        reach(FailureKind.THREAD, site);
    }

    /** Called before a task is passed to an executor; a machine's own executor never rejects one. */
    public static void task(Object executor, String site) {
        if (executor.getClass().getName().contains(".interleave.")) {
            reach(FailureKind.TASK, site);
        }
    }

    /** Called before a call to a backing, frame store or listener. */
    public static void callback(String site) {
        for (Injection injection : current()) {
            if (injection.kind().isCallback()) {
                injection.reach(injection.kind(), Thread.currentThread(), site);
            }
        }
    }

    /** Called before a frame is allocated; returns whether the allocation must fail. */
    public static boolean lacksFrame(String site) {
        return fails(FailureKind.FRAME, site);
    }

    /** Called after a frame store was extended; returns whether the caller must consider it extended. */
    public static boolean extended(boolean answer, String site) {
        return !fails(FailureKind.STORE, site) && answer;
    }

    /** Called at the entry of a method, whose exit calls {@link #leave}. */
    public static void enter(int bytes, String site) {
        for (Injection injection : current()) {
            injection.enter(Thread.currentThread(), bytes, site, true);
        }
    }

    /** Called at the entry of a constructor, whose exit calls nothing. */
    public static void construct(int bytes, String site) {
        for (Injection injection : current()) {
            injection.enter(Thread.currentThread(), bytes, site, false);
        }
    }

    /** Called at the exit of a method, even if it throws. */
    public static void leave(int bytes) {
        for (Injection injection : current()) {
            injection.leave(Thread.currentThread(), bytes);
        }
    }

    @SuppressWarnings("unchecked")
    static <T extends Throwable> void throwAny(Throwable thrown) throws T {
        throw (T) thrown;
    }

    /** Records a failure point in a class that was loaded. */
    public static void noteKnown(FailureKind kind, String site) {
        KNOWN.computeIfAbsent(kind, any -> ConcurrentHashMap.newKeySet()).add(site);
    }

    static void noteReached(FailureKind kind, String site) {
        REACHED.computeIfAbsent(kind, any -> ConcurrentHashMap.newKeySet()).add(site);
    }

    /** Returns the sites of a kind in the classes that were loaded. */
    public static Set<String> known(FailureKind kind) {
        return KNOWN.getOrDefault(kind, Set.of());
    }

    /** Returns the sites of a kind that any run reached. */
    public static Set<String> reached(FailureKind kind) {
        return REACHED.getOrDefault(kind, Set.of());
    }
}
