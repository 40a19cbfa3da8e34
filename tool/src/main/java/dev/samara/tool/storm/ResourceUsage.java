// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.locks.LockSupport;

/**
 * The resources of a machine at rest.
 *
 * @param heap live bytes of the heap, after garbage collection
 * @param threads of the process
 * @param frames in use
 * @param tables bytes of page tables
 * @param opens of backings that have not been closed
 * @param references acquired and not released
 */
record ResourceUsage(long heap, int threads, long frames, long tables, long opens, long references) {
    /** Longer than a thread of a machine lives without work, in nanoseconds. */
    private static final long IDLE_NANOS = 7_000_000_000L;

    private static final int COLLECTIONS = 4;
    private static final int PERCENT = 5;

    /** Returns the figures of a machine on which no thread works any more; waits until its idle threads have ended. */
    static ResourceUsage of(Machine machine, List<AddressSpace> spaces, long opens) throws InterruptedException {
        machine.awaitQuiescence();
        long until = System.nanoTime() + IDLE_NANOS;
        while (System.nanoTime() - until < 0) {
            LockSupport.parkNanos(until - System.nanoTime());
        }
        long heap = Long.MAX_VALUE;
        for (int n = 0; n < COLLECTIONS; n++) {
            System.gc();
            heap = Math.min(
                    heap,
                    ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed());
        }
        return new ResourceUsage(
                heap,
                ManagementFactory.getThreadMXBean().getThreadCount(),
                machine.statistics().framesInUse(),
                spaces.stream().mapToLong(AddressSpace::pageTableBytes).sum(),
                opens,
                machine.outstandingReferences().size());
    }

    /**
     * Returns whether this later state holds as much as an earlier one: equal counts, and a heap at most 5 % larger.
     */
    boolean isAsFlatAs(ResourceUsage before) {
        return heap <= before.heap + before.heap * PERCENT / 100
                && threads == before.threads
                && frames == before.frames
                && tables == before.tables
                && opens == before.opens
                && references == before.references;
    }

    String line() {
        return String.format(
                Locale.ROOT,
                "heap %,d bytes, %d threads, %d frames, %,d bytes of page tables, %d opens, %d references",
                heap,
                threads,
                frames,
                tables,
                opens,
                references);
    }
}
