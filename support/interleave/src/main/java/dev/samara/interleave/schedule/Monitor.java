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

    /** The number of calls of {@code notifyAll}. */
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
     * Takes this once it is free, or ends at a deadline.
     *
     * @param isFree whether the thread may take it
     * @return false if the deadline came first
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

    /** Makes the step of a release, and releases this. */
    void release(SteppedThread thread, Access access) {
        thread.run0().reach(thread, access, null, SteppedThread.NEVER, null);
        release(thread);
    }

    /** Returns the step of a call at a lock. */
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
