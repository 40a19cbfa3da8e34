// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.failure;

import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One failure to inject: the n-th point of a kind that the threads of a run reach. Only the run's running thread uses
 * it, and the hand-over between threads orders the accesses.
 */
public final class Injection {
    /** Determines which threads' points are counted. */
    public enum Scope {
        /** The threads of the operations, while they run an operation. */
        CALLERS,
        /** The threads of the machine, from the start of the first operation on. */
        MACHINE
    }

    /** No point fails. */
    public static final int NEVER = Integer.MAX_VALUE;

    private static final long LEAP = TimeUnit.HOURS.toNanos(1);

    private final FailureKind kind;
    private final Scope scope;
    private final int at;

    private final Set<Thread> callers = Collections.newSetFromMap(new IdentityHashMap<>());
    private final Set<Thread> armed = Collections.newSetFromMap(new IdentityHashMap<>());
    private final IdentityHashMap<Thread, Integer> depths = new IdentityHashMap<>();
    private final Set<Integer> reachedDepths = new TreeSet<>();
    private final List<Throwable> thrown = new ArrayList<>();
    private int points;
    private @Nullable String failed;
    private @Nullable Thread interrupted;

    /** The time at which the clock stopped or leapt. */
    private long stopped;

    /**
     * Creates a failure to inject.
     *
     * @param at the number of the point that fails, from 1 on; for {@link FailureKind#STACK} the size of the stack in
     *     bytes; {@link #NEVER} if no point fails
     */
    public Injection(FailureKind kind, Scope scope, int at) {
        this.kind = kind;
        this.scope = scope;
        this.at = at;
    }

    public FailureKind kind() {
        return kind;
    }

    public Scope scope() {
        return scope;
    }

    /** Returns the number of points that were reached. */
    public int points() {
        return points;
    }

    /** Returns the stack depths at which methods were entered, in bytes, in ascending order. */
    public List<Integer> depths() {
        return List.copyOf(reachedDepths);
    }

    /** Returns the site of the first failure, or null if nothing failed. */
    public @Nullable String failed() {
        return failed;
    }

    /** Starts a run. */
    void begin() {
        callers.clear();
        armed.clear();
        depths.clear();
        thrown.clear();
        points = 0;
        failed = null;
        interrupted = null;
    }

    void arm(Thread thread) {
        callers.add(thread);
        armed.add(thread);
        depths.put(thread, 0);
    }

    void disarm(Thread thread) {
        armed.remove(thread);
    }

    private boolean counts(Thread thread) {
        return scope == Scope.CALLERS
                ? armed.contains(thread)
                : !callers.isEmpty()
                        && !callers.contains(thread)
                        && !thread.getName().equals("main");
    }

    /** Reaches a point that throws if it fails. */
    void reach(FailureKind of, Thread thread, String site) {
        if (isNext(of, thread, site)) {
            FailurePoints.throwAny(note(kind.failure(site)));
        }
    }

    /** Reaches a point; returns whether it fails. */
    boolean isNext(FailureKind of, Thread thread, String site) {
        if (of != kind || !counts(thread)) {
            return false;
        }
        FailurePoints.noteReached(kind, site);
        boolean isNext = ++points == at;
        if (isNext) {
            failed = site;
        }
        return isNext;
    }

    /** Enters a method whose stack frame has the given size. */
    void enter(Thread thread, int bytes, String site, boolean stays) {
        Integer depth = kind == FailureKind.STACK && counts(thread) ? depths.get(thread) : null;
        if (depth == null) {
            return;
        }
        int entered = depth + bytes;
        FailurePoints.noteReached(kind, site);
        points++;
        if (entered > at) {
            failed = failed == null ? site : failed;
            FailurePoints.throwAny(note(kind.failure(site)));
        }
        reachedDepths.add(entered);
        if (stays) {
            depths.put(thread, entered);
        }
    }

    /** Leaves a method. */
    void leave(Thread thread, int bytes) {
        Integer depth = kind == FailureKind.STACK && counts(thread) ? depths.get(thread) : null;
        if (depth != null) {
            depths.put(thread, depth - bytes);
        }
    }

    /** Reaches a wait; returns whether the thread is interrupted. */
    boolean interrupts(Thread thread, String site) {
        boolean isNext = isNext(FailureKind.INTERRUPT, thread, site);
        if (isNext) {
            interrupted = thread;
        }
        return isNext;
    }

    /** Returns whether this object interrupted a thread. */
    boolean hasInterrupted(Thread thread) {
        return interrupted == thread;
    }

    /** Returns the time that a thread reads from the clock. */
    long time(long now, Thread thread) {
        if (kind.isClock() && isNext(kind, thread, "clock")) {
            stopped = now;
        }
        if (failed == null) {
            return now;
        }
        return kind == FailureKind.CLOCK_STOPS ? stopped : kind == FailureKind.CLOCK_LEAPS ? now + LEAP : now;
    }

    private Throwable note(Throwable failure) {
        thrown.add(failure);
        return failure;
    }

    /** Returns whether an exception was injected, or was caused by an injected one. */
    boolean isCauseOf(Throwable caught) {
        for (Throwable at = caught; at != null; at = at.getCause()) {
            if (thrown.contains(at)) {
                return true;
            }
        }
        return false;
    }

    @Override
    public String toString() {
        return kind + " " + at + " of " + scope + (failed == null ? "" : " at " + failed);
    }
}
