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
 * The entry of code with failure points: each method reaches a point of the calling thread. On a thread that belongs to
 * no run, in the initialization of classes and in judgements nothing fails.
 */
public final class FailurePoints {
    private static final Map<FailureKind, Set<String>> KNOWN = new ConcurrentHashMap<>();
    private static final Map<FailureKind, Set<String>> REACHED = new ConcurrentHashMap<>();

    private static final Injection[] NONE = {};

    /** The failure to come. More than one where points are only counted. */
    private static volatile Injection[] next = NONE;

    private FailurePoints() {}

    /** Sets the failure of the runs from now on. Of several, each only counts points. */
    public static void set(Injection... injections) {
        next = injections.clone();
    }

    /** Begins a run. */
    public static void begin() {
        for (Injection injection : next) {
            injection.begin();
        }
    }

    /** The calling thread begins an operation. */
    public static void arm() {
        for (Injection injection : next) {
            injection.arm(Thread.currentThread());
        }
    }

    /** The calling thread has ended its operation. */
    public static void disarm() {
        for (Injection injection : next) {
            injection.disarm(Thread.currentThread());
        }
    }

    private static boolean isAny(Predicate<Injection> condition) {
        return Arrays.stream(next).anyMatch(condition);
    }

    /** Returns whether something has failed in this run. */
    public static boolean hasFailed() {
        return isAny(injection -> injection.failed() != null);
    }

    /** Returns whether something has failed in this run for which a call may be refused. */
    public static boolean mayRefuse() {
        return isAny(injection -> injection.failed() != null && injection.kind().mayRefuse());
    }

    /** Returns whether something has failed in this run of which the machine may report. */
    public static boolean mayReport() {
        return isAny(injection -> injection.failed() != null && injection.kind().mayReport());
    }

    /** Returns whether something has failed in this run, in a method of a class. */
    public static boolean hasFailedIn(String method) {
        return isAny(injection -> {
            String failed = injection.failed();
            return failed != null && failed.startsWith(method + ':');
        });
    }

    /** Returns whether an exception is one that a failure point has thrown, or comes from one. */
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

    /** Before a wait. */
    public static void beforeWait(String site) {
        for (Injection injection : next) {
            if (injection.interrupts(Thread.currentThread(), site)) {
                Steps.interruptSelf();
            }
        }
    }

    /** At a reading of the clock; returns what is read. */
    public static long time(long now) {
        long time = now;
        for (Injection injection : current()) {
            time = injection.time(time, Thread.currentThread());
        }
        return time;
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
        if (executor.getClass().getName().contains(".interleave.")) {
            reach(FailureKind.TASK, site);
        }
    }

    /** Before a call of a backing, frame store or listener. */
    public static void callback(String site) {
        for (Injection injection : current()) {
            if (injection.kind().isCallback()) {
                injection.reach(injection.kind(), Thread.currentThread(), site);
            }
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
        for (Injection injection : current()) {
            injection.enter(Thread.currentThread(), bytes, site, true);
        }
    }

    /** At the entry of a constructor, which calls nothing at its end. */
    public static void construct(int bytes, String site) {
        for (Injection injection : current()) {
            injection.enter(Thread.currentThread(), bytes, site, false);
        }
    }

    /** At the end of a method, also of one that throws. */
    public static void leave(int bytes) {
        for (Injection injection : current()) {
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
