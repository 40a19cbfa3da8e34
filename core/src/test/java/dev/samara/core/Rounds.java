// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import java.util.concurrent.TimeUnit;

/**
 * The rounds of a race whose threads wait awake for each other. Where they share a processor, each wait takes a time
 * slice, so the rounds also end after a time, which no verdict depends on. For one thread.
 */
public final class Rounds {
    private static final long LONGEST_NANOS =
            Boolean.getBoolean("samara.torture") ? TimeUnit.HOURS.toNanos(1) : TimeUnit.SECONDS.toNanos(20);

    private final int most;
    private final long begun = System.nanoTime();
    private int count;

    /** Begins up to so many rounds. */
    public Rounds(int most) {
        this.most = most;
    }

    /** Returns whether there is another round, which begins then. The first round always takes place. */
    public boolean next() {
        boolean isNext = count < most && (count == 0 || System.nanoTime() - begun < LONGEST_NANOS);
        count += isNext ? 1 : 0;
        return isNext;
    }

    /** Returns the number of rounds that have begun. */
    public int count() {
        return count;
    }
}
