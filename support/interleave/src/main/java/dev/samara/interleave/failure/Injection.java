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
 * One failure to come: the n-th point of a kind that the threads of a run reach. Used by the running thread of the run
 * alone, whose hand-over orders the accesses.
 */
public final class Injection {
    /** The threads whose points count. */
    public enum Scope {
        /** The threads of the operations, while an operation runs. */
        CALLERS,
        /** The threads of the machine, from the beginning of the first operation on. */
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

    /** What the clock was when it stopped or leapt. */
    private long stopped;

    /**
     * Makes a failure to come.
     *
     * @param at the number of the point that fails, from 1 on; for {@link FailureKind#STACK} the size of the stack in
     *     bytes; or {@link #NEVER}
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

    /** Returns the depths of the stack, in bytes, at which methods were entered, in ascending order. */
    public List<Integer> depths() {
        return List.copyOf(reachedDepths);
    }

    /** Returns the place of the first failure, null if nothing failed. */
    public @Nullable String failed() {
        return failed;
    }

    /** Begins a run. */
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

    /** Reaches a point that fails by what it throws. */
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

    /** Enters a method, whose frame has some bytes. */
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

    /** Returns whether it has interrupted a thread. */
    boolean hasInterrupted(Thread thread) {
        return interrupted == thread;
    }

    /** Reads the clock; returns what the thread reads. */
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

    /** Returns whether an exception is an injected one, or comes from one. */
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
