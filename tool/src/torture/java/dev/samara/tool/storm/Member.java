// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

/** A thread of a storm, which records the time of its last progress. */
final class Member extends Thread {
    /**
     * Written: its thread (volatile).
     * Read: the watchdog (volatile).
     * Invariant: the start of the present step, in working time.
     */
    private volatile long progressNanos;

    Member(String name, Runnable work, long workedNanos) {
        super(work, name);
        progressNanos = workedNanos;
        setDaemon(true);
    }

    /** Records the time ({@link Course#workedNanos}) at which a step started. */
    void progress(long workedNanos) {
        progressNanos = workedNanos;
    }

    /** Returns the duration of the present step so far. */
    long ageNanos(long workedNanos) {
        return workedNanos - progressNanos;
    }
}
