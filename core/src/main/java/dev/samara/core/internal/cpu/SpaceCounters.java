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

    /**
     * @written a CPU that leaves the space, after its word (get-and-add); a shooter, before it waits (get-and-add)
     * @read a thread that reads statistics, before the words and the counts of the CPUs (volatile)
     * @pairs with {@code word} of {@code CpuWords}. A CPU changes its word, then adds its counts here. A thread that
     *     reads statistics and finds the CPU's word in the space has read this before the CPU added anything, so it
     *     counts no event twice
     * @invariant events of CPUs that have left the space, and shootdowns
     */
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
