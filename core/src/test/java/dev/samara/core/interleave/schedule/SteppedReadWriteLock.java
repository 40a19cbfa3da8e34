// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.schedule;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/**
 * The lock that instrumented code makes in the place of a {@link ReentrantReadWriteLock}. Its waits are the
 * scheduler's. On a thread that makes no steps it is the lock of the JDK. As there, a thread that reads must not wait
 * to write, and a thread that writes may read.
 */
public final class SteppedReadWriteLock extends ReentrantReadWriteLock {
    private static final long serialVersionUID = 1;

    /** The thread that writes. */
    private final transient Monitor monitor = new Monitor(this);

    /** The threads that read, with the number of times that each has the lock. */
    private final transient Map<SteppedThread, Integer> readers = new HashMap<>();

    private final transient Read read = new Read(this);
    private final transient Write write = new Write(this);

    private boolean mayRead(SteppedThread self) {
        return monitor.isFreeFor(self);
    }

    private boolean mayWrite(SteppedThread self) {
        return monitor.owner == self || (monitor.owner == null && readers.isEmpty());
    }

    @Override
    public ReadLock readLock() {
        return read;
    }

    @Override
    public WriteLock writeLock() {
        return write;
    }

    @Override
    public int getReadHoldCount() {
        SteppedThread self = Steps.self();
        return self == null ? super.getReadHoldCount() : readers.getOrDefault(self, 0);
    }

    @Override
    public boolean isWriteLockedByCurrentThread() {
        return super.isWriteLockedByCurrentThread() || monitor.owner == Thread.currentThread();
    }

    @Override
    protected @Nullable Thread getOwner() {
        return monitor.owner == null ? super.getOwner() : monitor.owner;
    }

    /** Shared. */
    private static final class Read extends ReadLock {
        private static final long serialVersionUID = 1;

        private final transient SteppedReadWriteLock lock;

        Read(SteppedReadWriteLock lock) {
            super(lock);
            this.lock = lock;
        }

        @Override
        public void lock() {
            SteppedThread self = Steps.self();
            if (self == null) {
                super.lock();
                return;
            }
            Steps.await(
                    self,
                    lock.monitor.access(self, "lock to read"),
                    () -> lock.mayRead(self),
                    SteppedThread.NEVER,
                    lock.monitor);
            lock.readers.merge(self, 1, Integer::sum);
        }

        @Override
        public void unlock() {
            SteppedThread self = Steps.self();
            if (self == null) {
                super.unlock();
                return;
            }
            self.run0().reach(self, lock.monitor.access(self, "unlock after reading"), null, SteppedThread.NEVER, null);
            if (!lock.readers.containsKey(self)) {
                throw new IllegalMonitorStateException("no reader");
            }
            lock.readers.computeIfPresent(self, (any, holds) -> holds == 1 ? null : holds - 1);
        }
    }

    /** Exclusive. */
    private static final class Write extends WriteLock {
        private static final long serialVersionUID = 1;

        private final transient SteppedReadWriteLock lock;

        Write(SteppedReadWriteLock lock) {
            super(lock);
            this.lock = lock;
        }

        @Override
        public void lock() {
            SteppedThread self = Steps.self();
            if (self == null) {
                super.lock();
                return;
            }
            Steps.await(
                    self,
                    lock.monitor.access(self, "lock to write"),
                    () -> lock.mayWrite(self),
                    SteppedThread.NEVER,
                    lock.monitor);
            lock.monitor.take(self);
        }

        @Override
        public boolean tryLock(long time, TimeUnit unit) throws InterruptedException {
            SteppedThread self = Steps.self();
            if (self == null) {
                return super.tryLock(time, unit);
            }
            return lock.monitor.takeBy(
                    self,
                    lock.monitor.access(self, "tryLock to write"),
                    () -> lock.mayWrite(self),
                    Threads.after(self, unit.toNanos(time)));
        }

        @Override
        public void unlock() {
            SteppedThread self = Steps.self();
            if (self == null) {
                super.unlock();
                return;
            }
            lock.monitor.release(self, lock.monitor.access(self, "unlock after writing"));
        }

        @Override
        public boolean isHeldByCurrentThread() {
            return super.isHeldByCurrentThread() || lock.monitor.owner == Thread.currentThread();
        }
    }
}
