// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.event.Report;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;

/** The state of a torture run: its seed, whether it is over, and the reports of its machines. Thread-safe. */
final class TortureRun {
    private static final int MOST_REPORTS = 64;

    /** How long a course goes on at most after its end, while not enough was checked: threads had too little time. */
    private static final long LONGEST_GRACE_NANOS = TimeUnit.MINUTES.toNanos(2);

    final long seed;

    /** How it is run again: system properties, and what follows from them. */
    final String again;

    private final boolean keepsGoing;
    private final AtomicInteger violations = new AtomicInteger();
    private volatile long since = System.nanoTime();
    private volatile long deadline = Long.MAX_VALUE;
    private volatile BooleanSupplier isEnough = () -> true;
    private volatile boolean over;
    private volatile boolean stalled;

    /** The latest reports. Guarded by itself. */
    private final Deque<String> reports = new ArrayDeque<>();

    /**
     * A course that has not begun.
     *
     * @param seed the seed of the threads' random choices
     * @param keepsGoing whether it goes on after a violation
     * @param choices further properties that it takes to run it again; empty for none
     */
    TortureRun(long seed, boolean keepsGoing, String choices) {
        this.seed = seed;
        again = "-Dtorture.seed=" + seed
                + (choices.isEmpty() ? "" : " " + choices)
                + (Boolean.getBoolean("samara.divided") ? " -Dsamara.divided=true" : "");
        this.keepsGoing = keepsGoing;
    }

    /** Begins, for so long, and on until enough was checked, which any thread may ask. */
    void begin(Duration time, BooleanSupplier isEnough) {
        this.isEnough = isEnough;
        since = System.nanoTime();
        deadline = since + time.toNanos();
    }

    /** Notes the progress of the calling thread. Returns whether it is to take another step. */
    boolean goesOn() {
        if (Thread.currentThread() instanceof WatchedThreads.Member member) {
            member.progress = System.nanoTime();
        }
        return !isOver();
    }

    /** Returns whether it is over: in time, by a violation, or since a thread makes no progress. */
    boolean isOver() {
        long behind = System.nanoTime() - deadline;
        if (behind >= 0 && !over && (isEnough.getAsBoolean() || behind >= LONGEST_GRACE_NANOS)) {
            over = true;
        }
        return over;
    }

    /** Counts a violation, which ends the course unless it is to keep going. */
    void violated() {
        violations.incrementAndGet();
        if (!keepsGoing) {
            over = true;
        }
    }

    boolean isBroken() {
        return violations.get() != 0;
    }

    /** Ends the course: a thread makes no progress. */
    void stall() {
        stalled = true;
        over = true;
    }

    boolean isStalled() {
        return stalled;
    }

    /** Returns how far it is, and how it is run again. */
    String now() {
        return "after " + (System.nanoTime() - since) / 1_000_000 + " ms, " + again;
    }

    /** Keeps the reports of a machine for {@link #reports}. */
    void reported(Report report) {
        synchronized (reports) {
            if (reports.size() == MOST_REPORTS) {
                reports.removeFirst();
            }
            reports.addLast(now() + ": " + report.kind() + " " + report.message());
        }
    }

    String reports() {
        synchronized (reports) {
            return String.join("\n", reports);
        }
    }
}
