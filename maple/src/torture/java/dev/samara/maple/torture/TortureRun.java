// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** The course of a torture: its seed, and whether it is over. Thread-safe. */
final class TortureRun {
    /** How long a course goes on at most after its end, while not enough was checked: threads had too little time. */
    private static final long LONGEST_GRACE_NANOS = TimeUnit.MINUTES.toNanos(2);

    private final long seed;
    private final boolean keepsGoing;
    private volatile long since = System.nanoTime();
    private volatile long length = Long.MAX_VALUE;
    private volatile BooleanSupplier isEnough = () -> true;
    private volatile boolean broken;
    private volatile boolean over;

    /**
     * A course that has not begun.
     *
     * @param seed the seed of the threads' random choices
     * @param keepsGoing whether it goes on after a violation
     */
    TortureRun(long seed, boolean keepsGoing) {
        this.seed = seed;
        this.keepsGoing = keepsGoing;
    }

    /** Begins, for so long, and on until enough was checked, which any thread may ask. */
    void begin(Duration time, BooleanSupplier isEnough) {
        this.isEnough = isEnough;
        since = System.nanoTime();
        length = time.toNanos();
    }

    /** Returns whether its threads are to take another step. */
    boolean goesOn() {
        if (!over) {
            long behind = System.nanoTime() - since - length;
            over = behind >= 0 && (isEnough.getAsBoolean() || behind >= LONGEST_GRACE_NANOS);
        }
        return (!broken || keepsGoing) && !over;
    }

    /** Notes a violation, which ends the course unless it is to keep going. */
    void violated() {
        broken = true;
    }

    boolean isBroken() {
        return broken;
    }

    /** Returns how far it is, and how it is run again. */
    String now() {
        return "after " + (System.nanoTime() - since) / 1_000_000 + " ms, -Dtorture.seed=" + seed;
    }
}
