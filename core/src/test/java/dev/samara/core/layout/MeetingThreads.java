// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Threads that make one call at a time, but still meet at each lock of a layout, because the locks report that they are
 * held.
 */
final class MeetingThreads implements AutoCloseable {
    /** The number of meetings, within a short time, after which a layout is divided. */
    static final int ENOUGH = 16;

    private final List<ExecutorService> threads = new ArrayList<>();

    /** The first lock that was created. */
    private @Nullable MetLock layoutLock;

    private final AtomicInteger locks = new AtomicInteger();
    private volatile boolean isFailing;

    /** Whether a thread meets another one at each lock. */
    private volatile boolean isMet = true;

    private final class MetLock extends ReentrantLock {
        private static final long serialVersionUID = 1;

        @Override
        public void lock() {
            if (layoutLock != null && layoutLock != this && layoutLock.isHeldByCurrentThread()) {
                failIfAsked();
            }
            super.lock();
        }

        @Override
        public boolean isLocked() {
            return isMet || super.isLocked();
        }
    }

    MeetingThreads(int count) {
        for (int i = 0; i < count; i++) {
            threads.add(Executors.newSingleThreadExecutor());
        }
    }

    /** Builds a machine with these locks, for one space. */
    Machine machine(MachineBuilder description) {
        return MachineInternals.withLocks(description.build(), this::newLock);
    }

    private ReentrantLock newLock() {
        failIfAsked();
        locks.incrementAndGet();
        MetLock made = new MetLock();
        layoutLock = layoutLock == null ? made : layoutLock;
        return made;
    }

    private void failIfAsked() {
        if (isFailing) {
            throw new IllegalStateException("a lock of a test");
        }
    }

    /** Sets whether a division fails to create locks, and a join fails to acquire them. */
    void setFailing(boolean fails) {
        isFailing = fails;
    }

    /** Returns the number of created locks: one for the space, and one for each part of each division. */
    int locks() {
        return locks.get();
    }

    /** Makes a call on a thread. */
    <T> T call(int thread, Callable<T> call) {
        try {
            return threads.get(thread).submit(call).get();
        } catch (InterruptedException | ExecutionException failed) {
            throw new AssertionError(failed);
        }
    }

    /** Makes a call on a thread that meets nobody. */
    <T> T callAlone(int thread, Callable<T> call) {
        isMet = false;
        try {
            return call(thread, call);
        } finally {
            isMet = true;
        }
    }

    @Override
    public void close() {
        threads.forEach(ExecutorService::shutdown);
    }
}
