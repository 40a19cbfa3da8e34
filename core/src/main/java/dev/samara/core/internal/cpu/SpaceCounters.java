// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import java.util.concurrent.atomic.AtomicLongArray;

/**
 * The events of one space: those that CPUs had counted when they went to another space, by kind, and the shootdowns.
 * Shared by the contexts that the space has one after the other. Thread-safe.
 */
public final class SpaceCounters {
    /** The number of kinds that a CPU counts. */
    static final int OF_CPUS = 6;

    public static final int SHOOTDOWNS = OF_CPUS;
    public static final int TARGETS = SHOOTDOWNS + 1;

    /** The number of kinds, those of CPUs included. */
    public static final int KINDS = TARGETS + 1;

    private final AtomicLongArray counts = new AtomicLongArray(KINDS);

    SpaceCounters() {}

    long count(int kind) {
        return counts.get(kind);
    }

    /** Adds events that a CPU has counted in this space, and no longer reports itself. */
    void add(int kind, long events) {
        counts.getAndAdd(kind, events);
    }

    void addShootdown(int targets) {
        counts.getAndIncrement(SHOOTDOWNS);
        counts.getAndAdd(TARGETS, targets);
    }
}
