// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.cpu.CpuCounters;
import dev.samara.core.internal.cpu.SpaceCounters;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.space.Layout;

/**
 * The events of one address space. Its CPUs count for themselves, and hand their numbers over when they go to another
 * space. The events of a CPU that goes to another space while the numbers are read may be missing; all others are
 * there, once. All numbers are 0 if the machine was built without memory.
 *
 * @param minorFaults faults of CPUs in this space that were resolved without I/O. Failed accesses, and pages that
 *     {@code mlock} or {@code MAP_POPULATE} faulted in, are not counted
 * @param majorFaults faults of CPUs in this space that were resolved after a backing had to fetch data
 * @param tlbMisses translations of this space that the TLB of a CPU did not have, or not with the needed right; each
 *     pin counts as one
 * @param flushes how many times CPUs have flushed a range or all of this space, whatever they had of it
 * @param shootdowns how many times a thread has asked CPUs of other threads in GUEST to drop translations of this
 *     space, or by {@code membarrier}
 * @param shootdownTargets how many CPUs the shootdowns have asked in total
 */
public record SpaceStatistics(
        long minorFaults, long majorFaults, long tlbMisses, long flushes, long shootdowns, long shootdownTargets) {
    /**
     * Creates the record. A minor version may add components.
     *
     * @param minorFaults {@link #minorFaults()}
     * @param majorFaults {@link #majorFaults()}
     * @param tlbMisses {@link #tlbMisses()}
     * @param flushes {@link #flushes()}
     * @param shootdowns {@link #shootdowns()}
     * @param shootdownTargets {@link #shootdownTargets()}
     */
    @Experimental
    public SpaceStatistics {}

    static SpaceStatistics of(Layout layout) {
        MachineMemory memory = layout.memoryOrNull();
        long[] counts = memory == null
                ? new long[SpaceCounters.KINDS]
                : memory.cpus().countsOf(layout.pages().context());
        return new SpaceStatistics(
                counts[CpuCounters.MINOR_FAULTS],
                counts[CpuCounters.MAJOR_FAULTS],
                counts[CpuCounters.TLB_MISSES],
                counts[CpuCounters.FLUSHES],
                counts[SpaceCounters.SHOOTDOWNS],
                counts[SpaceCounters.TARGETS]);
    }
}
