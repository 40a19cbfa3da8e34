// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.util.ArrayDeque;
import java.util.Date;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;

/** A condition of a {@link SteppedLock}. Signals wake threads in the order in which they started to wait. */
final class SteppedCondition implements Condition {
    private final SteppedLock lock;
    private final Queue<Wait> waits = new ArrayDeque<>();

    SteppedCondition(SteppedLock lock) {
        this.lock = lock;
    }

    private static final class Wait {
        boolean isSignalled;
    }

    private static SteppedThread self() {
        SteppedThread self = Steps.self();
        if (self == null) {
            throw new IllegalStateException("no thread of a run");
        }
        return self;
    }

    private Access access(SteppedThread self, String text) {
        return new Access(Access.Kind.WRITE, lock, -1, lock.monitor.name(), text, self.site);
    }

    /** Waits for a signal; returns whether the deadline passed first. */
    private boolean waits(boolean interruptibly, long deadline) throws InterruptedException {
        SteppedThread self = self();
        if (lock.monitor.owner != self) {
            throw new IllegalMonitorStateException("not the owner");
        }
        self.run0().reach(self, access(self, "await"), null, SteppedThread.NEVER, null);
        int holds = lock.monitor.holds;
        lock.monitor.owner = null;
        lock.monitor.holds = 0;
        Wait wait = new Wait();
        waits.add(wait);
        boolean isLate = Steps.await(
                self,
                access(self, "wake"),
                () -> wait.isSignalled || (interruptibly && self.interrupted),
                deadline,
                "a signal of " + lock.monitor.name());
        waits.remove(wait);
        lock.take(self, "lock again");
        lock.monitor.holds = holds;
        if (interruptibly && self.interrupted && !wait.isSignalled) {
            self.interrupted = false;
            throw new InterruptedException();
        }
        return isLate;
    }

    @Override
    public void await() throws InterruptedException {
        waits(true, SteppedThread.NEVER);
    }

    @Override
    public void awaitUninterruptibly() {
        try {
            waits(false, SteppedThread.NEVER);
        } catch (InterruptedException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    @Override
    public long awaitNanos(long nanos) throws InterruptedException {
        SteppedThread self = self();
        long deadline = Threads.after(self, nanos);
        waits(true, deadline);
        return deadline - self.run0().now();
    }

    @Override
    public boolean await(long time, TimeUnit unit) throws InterruptedException {
        return !waits(true, Threads.after(self(), unit.toNanos(time)));
    }

    @Override
    public boolean awaitUntil(Date deadline) {
        throw new UnsupportedOperationException("a date has no place in virtual time");
    }

    @Override
    public void signal() {
        step("signal");
        Wait first = waits.poll();
        if (first != null) {
            first.isSignalled = true;
        }
    }

    @Override
    public void signalAll() {
        step("signalAll");
        for (Wait wait : waits) {
            wait.isSignalled = true;
        }
        waits.clear();
    }

    private void step(String text) {
        SteppedThread self = self();
        if (lock.monitor.owner != self) {
            throw new IllegalMonitorStateException("not the owner");
        }
        self.run0().reach(self, access(self, text), null, SteppedThread.NEVER, null);
    }
}
