// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import java.time.Duration;

/** The course of a torture: its seed, and whether it is over. Thread-safe. */
final class TortureRun {
    private final long seed;
    private final boolean keepsGoing;
    private volatile long since = System.nanoTime();
    private volatile long length = Long.MAX_VALUE;
    private volatile boolean broken;

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

    /** Begins, for so long. */
    void begin(Duration time) {
        since = System.nanoTime();
        length = time.toNanos();
    }

    /** Returns whether its threads are to take another step. */
    boolean goesOn() {
        return (!broken || keepsGoing) && System.nanoTime() - since < length;
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
