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

    /**
     * How long a run may continue after its deadline while not enough was checked because the threads got too little
     * CPU time.
     */
    private static final long LONGEST_GRACE_NANOS = TimeUnit.MINUTES.toNanos(2);

    final long seed;

    /** How to repeat the run: system properties, and the choices that follow from them. */
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
     * Creates a run without starting it.
     *
     * @param seed the seed of the threads' random choices
     * @param keepsGoing whether the run continues after a violation
     * @param choices further properties that are needed to repeat the run; empty for none
     */
    TortureRun(long seed, boolean keepsGoing, String choices) {
        this.seed = seed;
        again = "-Dtorture.seed=" + seed
                + (choices.isEmpty() ? "" : " " + choices)
                + (Boolean.getBoolean("samara.divided") ? " -Dsamara.divided=true" : "");
        this.keepsGoing = keepsGoing;
    }

    /**
     * Starts the run, which lasts for a time, and longer until enough was checked. Any thread may call {@code
     * isEnough}.
     */
    void begin(Duration time, BooleanSupplier isEnough) {
        this.isEnough = isEnough;
        since = System.nanoTime();
        deadline = since + time.toNanos();
    }

    /** Records the progress of the calling thread. Returns whether the thread should take another step. */
    boolean goesOn() {
        if (Thread.currentThread() instanceof WatchedThreads.Member member) {
            member.progress = System.nanoTime();
        }
        return !isOver();
    }

    /** Returns whether the run is over: at its deadline, by a violation, or because a thread makes no progress. */
    boolean isOver() {
        long behind = System.nanoTime() - deadline;
        if (behind >= 0 && !over && (isEnough.getAsBoolean() || behind >= LONGEST_GRACE_NANOS)) {
            over = true;
        }
        return over;
    }

    /** Counts a violation, which ends the run unless it should keep going. */
    void violated() {
        violations.incrementAndGet();
        if (!keepsGoing) {
            over = true;
        }
    }

    boolean isBroken() {
        return violations.get() != 0;
    }

    /** Ends the run because a thread makes no progress. */
    void stall() {
        stalled = true;
        over = true;
    }

    boolean isStalled() {
        return stalled;
    }

    /** Returns how long the run has lasted, and how to repeat it. */
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
