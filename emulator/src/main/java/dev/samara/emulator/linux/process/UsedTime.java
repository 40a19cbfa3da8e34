// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.List;

/**
 * The CPU time of a process in nanoseconds: that of its host threads, including translated code and system calls. The
 * time of the translator and of the library's own threads is not charged to any process. Thread-safe.
 */
public final class UsedTime {
    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

    private long ended;
    private long children;

    UsedTime() {}

    /** Returns what a thread of the host has used so far; 0 for one that has ended. */
    static long of(Thread thread) {
        return Math.max(THREADS.getThreadCpuTime(thread.getId()), 0);
    }

    /** Adds what a thread has used, at its end. */
    synchronized void add(long nanos) {
        ended += nanos;
    }

    /** Adds what a child has used, and its children, when its end is waited for. */
    void addChild(UsedTime child) {
        long used;
        synchronized (child) {
            used = child.ended + child.children;
        }
        synchronized (this) {
            children += used;
        }
    }

    /** Returns the time of some threads and of those that have ended. */
    synchronized long own(List<GuestThread> living) {
        return ended + living.stream().mapToLong(GuestThread::usedNanos).sum();
    }

    /** Returns the time of the children that were waited for. */
    public synchronized long children() {
        return children;
    }
}
