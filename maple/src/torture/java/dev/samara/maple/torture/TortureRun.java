// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** A torture run: its seed, and whether it is over. Thread-safe. */
final class TortureRun {
    /**
     * The maximum time for which a run continues after its end if not enough was checked, because its threads got too
     * little CPU time.
     */
    private static final long LONGEST_GRACE_NANOS = TimeUnit.MINUTES.toNanos(2);

    private final long seed;
    private final boolean keepsGoing;
    private volatile long since = System.nanoTime();
    private volatile long length = Long.MAX_VALUE;
    private volatile BooleanSupplier isEnough = () -> true;
    private volatile boolean broken;
    private volatile boolean over;

    /**
     * Creates a run that has not started.
     *
     * @param seed the seed of the threads' random choices
     * @param keepsGoing whether the run continues after a violation
     */
    TortureRun(long seed, boolean keepsGoing) {
        this.seed = seed;
        this.keepsGoing = keepsGoing;
    }

    /**
     * Starts the run. It lasts for the given time, and continues until enough was checked.
     *
     * @param isEnough returns whether enough was checked; any thread may call it
     */
    void begin(Duration time, BooleanSupplier isEnough) {
        this.isEnough = isEnough;
        since = System.nanoTime();
        length = time.toNanos();
    }

    /** Returns whether the threads must make another step. */
    boolean goesOn() {
        if (!over) {
            long behind = System.nanoTime() - since - length;
            over = behind >= 0 && (isEnough.getAsBoolean() || behind >= LONGEST_GRACE_NANOS);
        }
        return (!broken || keepsGoing) && !over;
    }

    /** Records a violation, which ends the run unless it must keep going. */
    void violated() {
        broken = true;
    }

    boolean isBroken() {
        return broken;
    }

    /** Returns the elapsed time, and the option that repeats the run. */
    String now() {
        return "after " + (System.nanoTime() - since) / 1_000_000 + " ms, -Dtorture.seed=" + seed;
    }
}
