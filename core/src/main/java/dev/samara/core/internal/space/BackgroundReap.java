// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.Report;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.trace.Tracepoints;
import dev.samara.core.internal.trace.Tracepoints.BegunEvent;
import org.jspecify.annotations.Nullable;

/**
 * The reap of a victim of {@code LowMemoryVictim}, in steps of the housekeeping ({@code oom_reap_task}). A step never
 * waits: one step starts the flush of a VMA, and later steps poll it.
 *
 * <p>A victim counts as impossible to empty after {@link Reap#MOST_PASSES} incomplete passes, or after as many pauses
 * in which CPUs have not acknowledged the same flush. The machine then chooses another victim. A flush still pending at
 * that time is polled until it is done, and its frames are freed. The machine also chooses another victim if no step
 * has ended for some time, because a notifier does not return or the embedder runs no steps. A thread that finds no
 * free frame decides this.
 */
final class BackgroundReap extends Housekeeping.Waiter {
    private final ReapLeases leases;
    private final ReapLeases.ReapLease lease;
    private final Layout layout;
    private final Reap reap;

    /* Created before the victim is touched, so that a lack of memory cannot lose a report. */
    private final Report taken;
    private final Report left;

    /* Used by the thread that starts the reap, and then by one thread of the machine at a time, which runs a step. */

    /** The number of incomplete passes. */
    private int passes;

    /** The number of pauses in which the pending flush did not complete or a step failed. */
    private int waits;

    /** {@link Reap#flushes} after the last step. */
    private int flushes;

    private long dueNanos;

    /** Whether the latest step was skipped because its thread must not wait. */
    private boolean isRefused;

    /** Whether the machine may choose another victim. */
    private boolean isOver;

    /** Whether all pages that can be taken were taken. */
    private boolean isComplete;

    /** The flight recorder's event of this reap; null if the reap is not recorded. */
    private @Nullable BegunEvent recorded;

    /** The report of the reap's end that is still to be sent; null if there is none. */
    private @Nullable Report toReport;

    /**
     * Prepares a reap, without effect.
     *
     * @param lease the lease, which ends with the reap
     * @param layout the victim's layout
     */
    BackgroundReap(ReapLeases leases, ReapLeases.ReapLease lease, Layout layout) {
        this.leases = leases;
        this.lease = lease;
        this.layout = layout;
        reap = new Reap(layout);
        String pages = "the private pages of " + reap.identity();
        taken = new Report(Report.Kind.SPACE_REAPED, pages + " were taken, since no frame was free", null);
        left = new Report(Report.Kind.SPACE_REAPED, pages + " could not all be taken, though no frame is free", null);
        dueNanos = leases.nanos();
    }

    /** Holds the space's page table, and adds the first step to {@code Housekeeping}, unless the space has ended. */
    void begin() {
        lease.found(layout, left, dueNanos);
        beforeListing();
        if (!layout.lifetime().tryHold()) {
            return;
        }
        boolean isListed = false;
        try {
            recorded = Tracepoints.beginReap(
                    layout.lifetime().identity().number(), Reap.privatePages(layout), "a fault that found no memory");
            layout.host().housekeeping().add(this);
            isListed = true;
        } finally {
            if (!isListed && !isBegun()) {
                layout.lifetime().release();
            }
        }
    }

    /**
     * Returns whether the first step was added to {@code Housekeeping}. Called by the thread that called {@link
     * #begin}, even if that call threw.
     */
    boolean isBegun() {
        return isListed();
    }

    @Override
    protected boolean isReady() {
        return isDue() || (!isRefused && reap.isReady());
    }

    /**
     * Returns whether the space has notifiers, because only these may make a step wait. They are permitted to, because
     * no operation waits for a reap.
     */
    @Override
    protected boolean mayWait() {
        return !layout.notifiers().isEmpty();
    }

    @Override
    public void run() {
        boolean isEnded = false;
        try {
            isEnded = advance();
        } finally {
            // Listed again even after an Error, because no other thread would continue the reap.
            if (!isEnded) {
                layout.host().housekeeping().add(this);
            }
        }
    }

    /** Runs a step. Returns whether it was the last one. */
    private boolean advance() {
        // A thread that invokes steps may be in GUEST or in a callback, for example, and then must not wait. Another
        // thread continues the reap; the skipped step does not count as a pause.
        isRefused = !layout.host().threads().mayWaitHere();
        if (isRefused) {
            pause(1);
            return false;
        }
        // Another thread may have taken over the lease.
        isOver |= !leases.has(lease);
        if (isOver) {
            endFlush();
        } else {
            judge(step());
        }
        lease.stepped(leases.nanos());
        report();
        if (isOver && !reap.isFlushing()) {
            reap.close();
            Tracepoints.endReap(recorded, Reap.privatePages(layout), passes, isComplete);
            layout.lifetime().release();
            return true;
        }
        return false;
    }

    private Reap.Progress step() {
        try {
            return reap.advance(true);
        } catch (Throwable failed) {
            // Retried, as after a wait. Not reported, because there may be no memory for a report.
            return Reap.Progress.WAITS;
        }
    }

    private void endFlush() {
        pause(1);
        try {
            if (reap.isFlushing()) {
                reap.endFlush();
            }
        } catch (Throwable failed) {
            // Retried until it succeeds, because otherwise the frames would be lost.
            pause(Reap.MOST_PASSES);
        }
    }

    private void judge(Reap.Progress progress) {
        if (progress == Reap.Progress.DONE) {
            end(true);
            return;
        }
        if (progress == Reap.Progress.INCOMPLETE) {
            passes++;
            waits = 0;
            pause(passes);
        } else if (reap.flushes() != flushes) {
            flushes = reap.flushes();
            waits = 0;
            pause(1);
        } else if (isDue()) {
            waits++;
            pause(waits);
        }
        if (passes == Reap.MOST_PASSES || waits == Reap.MOST_PASSES) {
            end(false);
        }
    }

    private boolean isDue() {
        return leases.nanos() - dueNanos >= 0;
    }

    private void pause(int attempts) {
        dueNanos = leases.nanos() + Reap.pauseAfter(attempts);
    }

    /** Lets the machine choose another victim. The thread that ends the lease reports the end. */
    private void end(boolean isDone) {
        layout.skipReap();
        isOver = true;
        isComplete = isDone;
        if (leases.end(lease)) {
            toReport = isDone ? taken : left;
        }
    }

    private void report() {
        Report report = toReport;
        if (report != null) {
            layout.host().threads().report(report);
            // Cleared last: if the report throws an Error, the next step sends it again.
            toReport = null;
        }
    }

    @Override
    public String toString() {
        return "the reaping of " + reap.identity();
    }
}
