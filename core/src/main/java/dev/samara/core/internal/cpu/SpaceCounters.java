// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import java.util.concurrent.atomic.AtomicLongArray;

/**
 * The event counters of one space, by kind: the events that CPUs counted in the space before they switched to another
 * space, and the shootdowns. Shared by the successive contexts of the space. Thread-safe.
 */
public final class SpaceCounters {
    /** The number of kinds that a CPU counts. */
    static final int OF_CPUS = 6;

    public static final int SHOOTDOWNS = OF_CPUS;
    public static final int TARGETS = SHOOTDOWNS + 1;

    /** The number of kinds, including the kinds that a CPU counts. */
    public static final int KINDS = TARGETS + 1;

    /**
     * Written: a CPU that leaves the space, after its word (get-and-add); a shooter, before it waits (get-and-add).
     * Read: a thread that reads statistics, before the words and the counts of the CPUs (volatile).
     * Pairs: with {@code word} of {@code CpuWords}. A CPU changes its word, then adds its counts here. A thread that
     *     reads statistics reads these counts first; if it then finds that the CPU's word still names the space, the
     *     CPU had not added its counts when these were read, so no event is counted twice.
     * Invariant: events of CPUs that left the space, and shootdowns.
     */
    private final AtomicLongArray counts = new AtomicLongArray(KINDS);

    SpaceCounters() {}

    long count(int kind) {
        return counts.get(kind);
    }

    /** Adds events that a CPU counted in this space and no longer reports itself. */
    void add(int kind, long events) {
        counts.getAndAdd(kind, events);
    }

    void addShootdown(int targets) {
        counts.getAndIncrement(SHOOTDOWNS);
        counts.getAndAdd(TARGETS, targets);
    }
}
