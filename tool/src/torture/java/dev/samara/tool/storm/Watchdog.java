// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.lang.management.ThreadMXBean;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;

/**
 * Ends a storm in which a thread makes no progress, and reports what every thread waits for. Time in which a CPU is
 * stopped on purpose does not count.
 */
final class Watchdog implements AutoCloseable {
    private final Course course;
    private final Crew crew;
    private final Reports reports;
    private final Invariant progress;
    private final long patienceNanos;
    private final Thread thread;

    /**
     * Written: the thread that closes the watchdog (volatile).
     * Read: the watchdog's thread (volatile).
     * Invariant: stays set.
     */
    private volatile boolean closed;

    Watchdog(Course course, Crew crew, Reports reports, Invariant progress, Duration patience) {
        this.course = course;
        this.crew = crew;
        this.reports = reports;
        this.progress = progress;
        patienceNanos = patience.toNanos();
        thread = new Thread(this::watch, "watchdog");
        thread.setDaemon(true);
    }

    void start() {
        thread.start();
    }

    private void watch() {
        while (!closed && !course.isStalled()) {
            LockSupport.parkNanos(this, Math.max(1, Math.min(patienceNanos / 4, 1_000_000_000)));
            long now = course.workedNanos();
            for (Member member : crew.living()) {
                if (member.ageNanos(now) > patienceNanos) {
                    progress.broken(complaint(member, now));
                    course.stall();
                    return;
                }
            }
            progress.held();
        }
    }

    private String complaint(Member member, long now) {
        return member.getName() + " has made no progress for "
                + Duration.ofNanos(member.ageNanos(now)).toSeconds()
                + " s\nThe wait of each thread:\n" + edges() + "The machine's last reports:\n"
                + reports.text() + "\nAll threads:\n" + stacks();
    }

    @Override
    public void close() {
        closed = true;
        LockSupport.unpark(thread);
    }

    /**
     * Returns one line for each waiting thread: the object on which it waits, and the owner of the lock for which it
     * waits, if any.
     */
    private static String edges() {
        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        StringBuilder text = new StringBuilder();
        for (Thread thread : Thread.getAllStackTraces().keySet()) {
            Object blocker = LockSupport.getBlocker(thread);
            ThreadInfo info = threads.getThreadInfo(thread.getId());
            if (info == null || (blocker == null && info.getLockInfo() == null)) {
                continue;
            }
            text.append(thread.getName()).append(" waits at ").append(blocker == null ? info.getLockInfo() : blocker);
            if (info.getLockOwnerName() != null) {
                text.append(", which is held by ").append(info.getLockOwnerName());
            }
            text.append('\n');
        }
        return text.toString();
    }

    /** Returns the stacks of all threads. */
    private static String stacks() {
        StringBuilder text = new StringBuilder();
        for (Map.Entry<Thread, StackTraceElement[]> entry :
                Thread.getAllStackTraces().entrySet()) {
            Thread thread = entry.getKey();
            text.append(thread.getName()).append(", ").append(thread.getState()).append('\n');
            for (StackTraceElement frame : entry.getValue()) {
                text.append("    at ").append(frame).append('\n');
            }
        }
        return text.toString();
    }
}
