// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.util.concurrent.Semaphore;

/**
 * The semaphore that instrumented code makes in the place of a {@link Semaphore}. Its waits are the scheduler's. On a
 * thread that makes no steps it is the semaphore of the JDK, with permits of its own. Threads that wait are not in any
 * order, whether it is fair or not.
 */
public final class SteppedSemaphore extends Semaphore {
    private static final long serialVersionUID = 1;

    /** Names the semaphore in the steps. */
    private final transient Monitor monitor = new Monitor(this);

    /** The permits that stepped threads have not taken. */
    private int left;

    public SteppedSemaphore(int permits, boolean isFair) {
        super(permits, isFair);
        left = permits;
    }

    @Override
    public void acquireUninterruptibly(int permits) {
        SteppedThread self = Steps.self();
        if (self == null) {
            super.acquireUninterruptibly(permits);
            return;
        }
        Steps.await(self, monitor.access(self, "acquire"), () -> left >= permits, SteppedThread.NEVER, monitor);
        left -= permits;
    }

    @Override
    public void release(int permits) {
        SteppedThread self = Steps.self();
        if (self == null) {
            super.release(permits);
            return;
        }
        self.run0().reach(self, monitor.access(self, "release"), null, SteppedThread.NEVER, null);
        left += permits;
    }
}
