// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.util.concurrent.Semaphore;

/**
 * The semaphore that instrumented code instantiates instead of {@link Semaphore}. The scheduler implements its waits.
 * On a thread that the scheduler does not control, it is an ordinary JDK semaphore. The permits of such threads and of
 * each run are counted separately. Waiting threads are in no order, even if the semaphore is fair.
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
        // The run counts the permits, because several concurrent runs may share a static semaphore, and an abandoned
        // run does not release its permits.
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
    public boolean tryAcquire(int wanted) {
        SteppedThread self = Steps.self();
        if (self == null) {
            return super.tryAcquire(wanted);
        }
        Monitor taken = self.run0().monitor(this);
        self.run0().reach(self, taken.access(self, "tryAcquire"), null, SteppedThread.NEVER, null);
        boolean isFree = (long) permits - taken.holds >= wanted;
        taken.holds += isFree ? wanted : 0;
        return isFree;
    }

    @Override
    public int availablePermits() {
        SteppedThread self = Steps.self();
        if (self == null) {
            return super.availablePermits();
        }
        Monitor taken = self.run0().monitor(this);
        self.run0().reach(self, taken.access(self, "availablePermits"), null, SteppedThread.NEVER, null);
        return permits - taken.holds;
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
