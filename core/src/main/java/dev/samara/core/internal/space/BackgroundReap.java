// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.Report;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.sync.WaitingCall;

/**
 * The reap of a victim of {@link LowMemory}, in steps of the housekeeping ({@code oom_reap_task}). A step never waits:
 * the flush of a VMA is begun by one step, and polled by later ones.
 *
 * <p>After {@link Reap#MOST_PASSES} passes that were not complete, or as many pauses within which CPUs have not
 * acknowledged one flush, the victim counts as one that cannot be emptied, and the machine looks for another one. A
 * flush that is pending then is still polled until it is over, and its frames are freed.
 */
final class BackgroundReap extends WaitingCall {
    private final LowMemory policy;
    private final Layout layout;
    private final Reap reap;

    /* For the thread that begins it, and then for each thread of the machine that makes a step, in turn. */

    /** The passes that were not complete. */
    private int passes;

    /** The pauses within which the flush that is pending has not ended, and the failures. */
    private int waits;

    /** {@link Reap#flushes} after the last step. */
    private int flushes;

    private long dueNanos = System.nanoTime();

    /** Whether the machine may look for another victim. */
    private boolean isToldOver;

    BackgroundReap(LowMemory policy, Layout layout) {
        this.policy = policy;
        this.layout = layout;
        reap = new Reap(layout);
    }

    /** Holds the page table of the space and lists the first step, unless the space has ended. */
    void begin() {
        beforeListing();
        if (!layout.lifetime().tryHold()) {
            return;
        }
        boolean isListed = false;
        try {
            layout.host().housekeeping().add(this);
            isListed = true;
        } finally {
            if (!isListed && !isBegun()) {
                layout.lifetime().release();
            }
        }
    }

    /** Returns whether the first step is listed. For the thread of {@link #begin}, also after it has thrown. */
    boolean isBegun() {
        return isListed();
    }

    @Override
    protected boolean isReady() {
        return isDue() || reap.isReady();
    }

    /** Only notifiers may wait; no operation waits for a reap. */
    @Override
    protected boolean mayWait() {
        return !layout.notifiers().isEmpty();
    }

    @Override
    public void run() {
        boolean isOver = false;
        try {
            isOver = advance();
        } finally {
            // Also after an Error: no other thread continues the reap.
            if (!isOver) {
                layout.host().housekeeping().add(this);
            }
        }
    }

    /** Makes a step. Returns whether it was the last one. */
    private boolean advance() {
        if (isToldOver) {
            endFlush();
        } else {
            judge(step());
        }
        if (isToldOver && !reap.isFlushing()) {
            reap.close();
            layout.lifetime().release();
            return true;
        }
        return false;
    }

    private Reap.Progress step() {
        if (!Cpus.mayWait()) {
            // A thread of the embedder that makes steps in GUEST; another one goes on.
            return Reap.Progress.WAITS;
        }
        try {
            return reap.advance(true);
        } catch (Throwable failed) {
            // Tried again, as after a wait. Not reported: perhaps there is no memory for that.
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
            // Until it succeeds: the frames would be lost.
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
        return System.nanoTime() - dueNanos >= 0;
    }

    private void pause(int attempts) {
        dueNanos = System.nanoTime() + Reap.pauseAfter(attempts);
    }

    /** Lets the machine look for another victim, and reports. */
    private void end(boolean isDone) {
        reap.skip();
        policy.ended();
        isToldOver = true;
        String what =
                isDone ? " were taken, since no frame was free" : " could not all be taken, though no frame is free";
        layout.host().report(Report.Kind.SPACE_REAPED, "the private pages of " + reap.identity() + what, null);
    }

    @Override
    public String toString() {
        return "the reaping of " + reap.identity();
    }
}
