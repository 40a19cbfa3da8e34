// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.internal.trace.BegunEvent;
import dev.samara.core.internal.trace.Tracepoints;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Grace periods for callers that poll instead of waiting ({@code start_poll_synchronize_rcu}, {@code
 * poll_state_synchronize_rcu}). All callers share the grace periods, so each further caller costs only a number. A
 * grace period advances only while some thread polls. Thread-safe; never waits.
 */
final class PolledGracePeriods {
    private final RcuReaders registered;

    /**
     * Counts the grace periods that are over.
     *
     * <p>Written: a thread that found a polled grace period to be over (adder).
     * Read: nowhere by this name.
     * Invariant: the same object as {@code ended} of {@code Rcu}.
     */
    private final LongAdder ends;

    /**
     * The number of grace periods that started, and the number of grace periods that are over. At most one is in
     * progress.
     *
     * <p>Words: {@code begun}, {@code over}, {@code recorded}, {@code awaited}, and all fields of the object to which
     *     it refers: words of {@code PolledGracePeriods}, {@code GracePeriodSections}.
     * Written: any thread that polls (monitor).
     * Read: any thread that polls or starts to poll (monitor).
     * Pairs: an updater unhooks before it calls {@code startPoll}; the scan fences (full), then reads sections.
     * Invariant: a grace period with a number above {@code over} has not ended. A thread that starts to poll while
     *     number n is in progress waits for n + 1.
     */
    @GuardedBy("this")
    private long begun;

    @GuardedBy("this")
    private long over;

    /** The sections for which the current grace period waits; null if there are none. */
    @GuardedBy("this")
    private @Nullable GracePeriodSections awaited;

    /** The flight recorder's event of the current grace period; null if that is not recorded. */
    @GuardedBy("this")
    private @Nullable BegunEvent recorded;

    PolledGracePeriods(RcuReaders registered, LongAdder ends) {
        this.registered = registered;
        this.ends = ends;
    }

    /** Returns the number of the first grace period that starts after this call. */
    synchronized long start() {
        return begun + 1;
    }

    /** Returns whether the grace period with a number from {@link #start} is over. */
    boolean isOver(long number) {
        for (; ; ) {
            boolean isOver;
            BegunEvent ended;
            GracePeriodSections sections;
            synchronized (this) {
                if (over >= number) {
                    return true;
                }
                if (begun == over) {
                    begin();
                }
                sections = awaited;
                if (sections != null && !sections.checkEnded()) {
                    return false;
                }
                over = begun;
                ends.increment();
                isOver = over >= number;
                ended = recorded;
                awaited = null;
                recorded = null;
            }
            if (sections != null) {
                // Recorded outside the monitor.
                Tracepoints.endGracePeriod(ended, sections.count(), sections.lastName(), true);
            }
            if (isOver) {
                return true;
            }
        }
    }

    @GuardedBy("this")
    private void begin() {
        GracePeriodSections sections = GracePeriodSections.scan(registered);
        recorded = sections == null ? null : Tracepoints.beginGracePeriod();
        awaited = sections;
        // Incremented after everything that may fail.
        begun++;
    }
}
