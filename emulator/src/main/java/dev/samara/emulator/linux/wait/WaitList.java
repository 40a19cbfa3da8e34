// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.wait;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * The threads that wait for a change of some state. The thread that makes the change wakes all of them, and each checks
 * the state again.
 */
public final class WaitList {
    private final Set<WaitingThread> waiting = new LinkedHashSet<>();

    public WaitList() {}

    /** Adds a thread. The thread checks the state afterwards, and parks if it must wait. */
    public synchronized void add(WaitingThread thread) {
        waiting.add(thread);
    }

    public synchronized void remove(WaitingThread thread) {
        waiting.remove(thread);
    }

    /** Wakes all threads. Called after the change. */
    public void wakeAll() {
        List<WaitingThread> woken;
        synchronized (this) {
            if (waiting.isEmpty()) {
                return;
            }
            woken = List.copyOf(waiting);
        }
        woken.forEach(WaitingThread::wake);
    }
}
