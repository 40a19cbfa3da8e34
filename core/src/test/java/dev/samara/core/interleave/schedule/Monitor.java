// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.schedule;

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
