// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.util.concurrent.Semaphore;

/**
 * The semaphore that instrumented code makes in the place of a {@link Semaphore}. Its waits are the scheduler's. On a
 * thread that makes no steps it is the semaphore of the JDK, with permits of its own; so has each run. Threads that
 * wait are not in any order, whether it is fair or not.
 */
public final class SteppedSemaphore extends Semaphore {
    private static final long serialVersionUID = 1;

    private final int permits;

    public SteppedSemaphore(int permits, boolean isFair) {
        super(permits, isFair);
        this.permits = permits;
    }

    @Override
    public void acquireUninterruptibly(int wanted) {
        SteppedThread self = Steps.self();
        if (self == null) {
            super.acquireUninterruptibly(wanted);
            return;
        }
        // Of the run: a static semaphore is one of several runs at a time, and of runs that were left in between.
        Monitor taken = self.run0().monitor(this);
        Steps.await(
                self,
                taken.access(self, "acquire"),
                () -> (long) permits - taken.holds >= wanted,
                SteppedThread.NEVER,
                taken);
        taken.holds += wanted;
    }

    @Override
    public void release(int returned) {
        SteppedThread self = Steps.self();
        if (self == null) {
            super.release(returned);
            return;
        }
        Monitor taken = self.run0().monitor(this);
        self.run0().reach(self, taken.access(self, "release"), null, SteppedThread.NEVER, null);
        taken.holds -= returned;
    }
}
