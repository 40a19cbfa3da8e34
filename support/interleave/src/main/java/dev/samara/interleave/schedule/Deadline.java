// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.util.concurrent.TimeUnit;

/** The instant at which an exploration, or a part of a longer run, ends. */
public final class Deadline {
    /** For explorations that end without a deadline. */
    public static final Deadline NEVER = after(TimeUnit.DAYS.toNanos(365));

    private final long end;

    private Deadline(long end) {
        this.end = end;
    }

    /** Returns the deadline that is {@code nanos} from now. */
    public static Deadline after(long nanos) {
        return new Deadline(System.nanoTime() + nanos);
    }

    /** Returns the remaining nanoseconds, or 0 if the deadline passed. */
    public long nanos() {
        return Math.max(0, end - System.nanoTime());
    }

    public boolean isOver() {
        return nanos() == 0;
    }

    /** Returns the deadline that is {@code nanos} from now, or this one if it is earlier. */
    public Deadline within(long nanos) {
        return after(Math.min(nanos, nanos()));
    }
}
