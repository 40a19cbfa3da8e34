// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** The threads that wait for a change of something. Who makes the change wakes all of them, and each looks again. */
final class WaitList {
    private final Set<GuestThread> waiting = new LinkedHashSet<>();

    WaitList() {}

    /** Adds a thread, which looks at the thing after this, and parks if it has to wait. */
    synchronized void add(GuestThread thread) {
        waiting.add(thread);
    }

    synchronized void remove(GuestThread thread) {
        waiting.remove(thread);
    }

    /** Wakes all threads. Called after the change. */
    void wakeAll() {
        List<GuestThread> woken;
        synchronized (this) {
            if (waiting.isEmpty()) {
                return;
            }
            woken = List.copyOf(waiting);
        }
        woken.forEach(GuestThread::wake);
    }
}
