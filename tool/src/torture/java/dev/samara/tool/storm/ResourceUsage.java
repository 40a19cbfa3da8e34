// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.locks.LockSupport;

/**
 * The resources of an idle machine.
 *
 * @param heap the live bytes in the heap, after garbage collection
 * @param threads the number of threads of the process
 * @param frames the number of frames in use
 * @param tables the size of page tables in bytes
 * @param opens the number of opens of backings that were not closed
 * @param references the number of references that were acquired and not released
 */
record ResourceUsage(long heap, int threads, long frames, long tables, long opens, long references) {
    /** A time in nanoseconds after which a machine's threads without work have ended. */
    private static final long IDLE_NANOS = 7_000_000_000L;

    private static final int COLLECTIONS = 4;
    private static final int PERCENT = 5;

    /**
     * Returns the resources of a machine on which no thread works any more. Waits until its idle threads have ended.
     */
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
     * Returns whether this later state uses no more than an earlier one: the counts are equal, and the heap is at most
     * 5 % larger.
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
