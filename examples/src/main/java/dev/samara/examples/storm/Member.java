// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.storm;

/** A thread of a storm, which says when it made progress last. */
final class Member extends Thread {
    private volatile long progressNanos;

    Member(String name, Runnable work, long workedNanos) {
        super(work, name);
        progressNanos = workedNanos;
        setDaemon(true);
    }

    /** Notes the time of {@link Course#workedNanos} at which a step began. */
    void progress(long workedNanos) {
        progressNanos = workedNanos;
    }

    /** Returns for how long the present step has lasted. */
    long ageNanos(long workedNanos) {
        return workedNanos - progressNanos;
    }
}
