// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.List;

/**
 * The CPU time of a process in nanoseconds. It is the CPU time of the process's host threads, including translated code
 * and system calls. The CPU time of the translator and of the library's own threads is not charged to any process.
 * Thread-safe.
 */
public final class UsedTime {
    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

    private long ended;
    private long children;

    UsedTime() {}

    /** Returns the CPU time that a thread of the host used so far; 0 if the thread has ended. */
    static long of(Thread thread) {
        return Math.max(THREADS.getThreadCpuTime(thread.getId()), 0);
    }

    /** Adds the CPU time of a thread that ends. */
    synchronized void add(long nanos) {
        ended += nanos;
    }

    /** Adds the CPU time of a child and of the child's children, when the child is reaped. */
    void addChild(UsedTime child) {
        long used;
        synchronized (child) {
            used = child.ended + child.children;
        }
        synchronized (this) {
            children += used;
        }
    }

    /** Returns the CPU time of the given threads and of the threads that have ended. */
    synchronized long own(List<GuestThread> living) {
        return ended + living.stream().mapToLong(GuestThread::usedNanos).sum();
    }

    /** Returns the CPU time of the children that were reaped. */
    public synchronized long children() {
        return children;
    }
}
