// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.internal.trace.BegunEvent;
import dev.samara.core.internal.trace.Tracepoints;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Grace periods for callers that poll instead of waiting ({@code start_poll_synchronize_rcu}, {@code
 * poll_state_synchronize_rcu}). All callers share the grace periods, so another caller costs a number. A grace period
 * advances only while some thread polls. Thread-safe; never waits.
 */
final class PolledGracePeriods {
    private final RcuReaders registered;

    /**
     * Counts the grace periods that are over.
     *
     * @written a thread that has found a polled grace period over (adder)
     * @read nowhere by this name
     * @invariant the same object as {@code ended} of {@code Rcu}
     */
    private final LongAdder ends;

    /**
     * The number of grace periods that have begun, and of those that are over. At most one is under way.
     *
     * @words {@code begun}, {@code over}, {@code recorded}, {@code awaited} and all its fields of {@code
     *     PolledGracePeriods}, {@code GracePeriodSections}
     * @written any thread that polls (monitor)
     * @read any thread that polls or begins to poll (monitor)
     * @pairs an updater unhooks before it calls {@code startPoll}; the scan fences (full), then reads sections
     * @invariant a grace period with a number above {@code over} has not ended. A thread that begins to poll while
     *     number n is in progress waits for n + 1
     */
    @GuardedBy("this")
    private long begun;

    @GuardedBy("this")
    private long over;

    /** The sections for which the current grace period waits; null if there are none. */
    @GuardedBy("this")
    private @Nullable GracePeriodSections awaited;

    /** For the flight recorder: null if it does not record the one under way. */
    @GuardedBy("this")
    private @Nullable BegunEvent recorded;

    PolledGracePeriods(RcuReaders registered, LongAdder ends) {
        this.registered = registered;
        this.ends = ends;
    }

    /** Returns the number of the first grace period that begins after this call. */
    synchronized long start() {
        return begun + 1;
    }

    /** Returns whether that grace period is over. */
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
                // Outside of the monitor.
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
        // After all that may fail.
        begun++;
    }
}
