// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

/** A thread of a storm, which records the time of its last progress. */
final class Member extends Thread {
    /**
     * @written its thread (volatile)
     * @read the watchdog (volatile)
     * @invariant the beginning of its present step, in time of work
     */
    private volatile long progressNanos;

    Member(String name, Runnable work, long workedNanos) {
        super(work, name);
        progressNanos = workedNanos;
        setDaemon(true);
    }

    /** Records the time of {@link Course#workedNanos} at which a step began. */
    void progress(long workedNanos) {
        progressNanos = workedNanos;
    }

    /** Returns the duration of the present step. */
    long ageNanos(long workedNanos) {
        return workedNanos - progressNanos;
    }
}
