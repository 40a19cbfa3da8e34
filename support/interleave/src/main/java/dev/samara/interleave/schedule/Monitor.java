// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** The owner of a monitor or of a lock. */
final class Monitor {
    final Object of;

    @Nullable
    SteppedThread owner;

    int holds;

    /** The number of calls to {@code notifyAll}. */
    int notified;

    Monitor(Object of) {
        this.of = of;
    }

    boolean isFreeFor(SteppedThread thread) {
        return owner == null || owner == thread;
    }

    void take(SteppedThread thread) {
        owner = thread;
        holds++;
    }

    /**
     * Waits until the monitor is free and takes it, or returns at a deadline.
     *
     * @param isFree whether the thread may take it
     * @return false if the deadline passed first
     */
    boolean takeBy(SteppedThread thread, Access access, BooleanSupplier isFree, long deadline)
            throws InterruptedException {
        boolean isLate = Steps.await(thread, access, () -> isFree.getAsBoolean() || thread.interrupted, deadline, this);
        if (thread.interrupted) {
            thread.interrupted = false;
            throw new InterruptedException();
        }
        if (!isLate) {
            take(thread);
        }
        return !isLate;
    }

    /** Announces the step of a release, and releases the monitor. */
    void release(SteppedThread thread, Access access) {
        thread.run0().reach(thread, access, null, SteppedThread.NEVER, null);
        release(thread);
    }

    /** Returns the step of a lock operation. */
    Access access(SteppedThread thread, String text) {
        return new Access(Access.Kind.WRITE, of, -1, name(), text, thread.site);
    }

    void release(SteppedThread thread) {
        if (owner != thread) {
            throw new IllegalMonitorStateException("not the owner");
        }
        if (--holds == 0) {
            owner = null;
        }
    }

    String name() {
        return of.getClass().getSimpleName();
    }

    @Override
    public String toString() {
        return name() + (owner == null ? "" : " of " + owner.getName());
    }
}
