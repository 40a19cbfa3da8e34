// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The lock that instrumented code instantiates and extends instead of {@link ReentrantLock}. The scheduler implements
 * its waits. On a thread that the scheduler does not control, it is an ordinary JDK lock.
 */
@SuppressWarnings("this-escape") // the monitor only stores the reference
public class SteppedLock extends ReentrantLock {
    private static final long serialVersionUID = 1;

    final transient Monitor monitor = new Monitor(this);
    private transient int awaiting;

    public SteppedLock() {}

    public SteppedLock(boolean isFair) {
        super(isFair);
    }

    @Override
    public void lock() {
        SteppedThread self = Steps.self();
        if (self == null) {
            super.lock();
        } else {
            take(self, "lock");
        }
    }

    final void take(SteppedThread self, String text) {
        awaiting++;
        try {
            Steps.await(self, monitor.access(self, text), () -> monitor.isFreeFor(self), SteppedThread.NEVER, monitor);
        } finally {
            awaiting--;
        }
        monitor.take(self);
    }

    @Override
    public void lockInterruptibly() throws InterruptedException {
        SteppedThread self = Steps.self();
        if (self == null) {
            super.lockInterruptibly();
            return;
        }
        monitor.takeBy(
                self, monitor.access(self, "lockInterruptibly"), () -> monitor.isFreeFor(self), SteppedThread.NEVER);
    }

    @Override
    public boolean tryLock() {
        SteppedThread self = Steps.self();
        if (self == null) {
            return super.tryLock();
        }
        self.run0().reach(self, monitor.access(self, "tryLock"), null, SteppedThread.NEVER, null);
        if (!monitor.isFreeFor(self)) {
            return false;
        }
        monitor.take(self);
        return true;
    }

    @Override
    public boolean tryLock(long time, TimeUnit unit) throws InterruptedException {
        SteppedThread self = Steps.self();
        if (self == null) {
            return super.tryLock(time, unit);
        }
        return monitor.takeBy(
                self,
                monitor.access(self, "tryLock"),
                () -> monitor.isFreeFor(self),
                Threads.after(self, unit.toNanos(time)));
    }

    @Override
    public void unlock() {
        SteppedThread self = Steps.self();
        if (self == null) {
            super.unlock();
            return;
        }
        monitor.release(self, monitor.access(self, "unlock"));
    }

    @Override
    public boolean isLocked() {
        SteppedThread self = Steps.self();
        if (self == null) {
            return super.isLocked() || monitor.owner != null;
        }
        Access read = new Access(Access.Kind.READ, this, -1, monitor.name(), "isLocked", self.site);
        self.run0().reach(self, read, null, SteppedThread.NEVER, null);
        return monitor.owner != null;
    }

    @Override
    public boolean isHeldByCurrentThread() {
        return super.isHeldByCurrentThread() || monitor.owner == Thread.currentThread();
    }

    @Override
    public int getHoldCount() {
        return monitor.owner == Thread.currentThread() ? monitor.holds : super.getHoldCount();
    }

    @Override
    protected @Nullable Thread getOwner() {
        return monitor.owner == null ? super.getOwner() : monitor.owner;
    }

    final boolean isAwaited() {
        SteppedThread self = Steps.self();
        if (self == null) {
            return super.hasQueuedThreads();
        }
        Access read = new Access(Access.Kind.READ, this, -1, monitor.name(), "hasQueuedThreads", self.site);
        self.run0().reach(self, read, null, SteppedThread.NEVER, null);
        return awaiting > 0;
    }

    @Override
    public Condition newCondition() {
        return new SteppedCondition(this);
    }
}
