// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.cpu.CpuCounters;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.space.Layout;

/**
 * Event counts of one address space. Each CPU counts locally, and adds its counts to the space when it switches to
 * another one. The events of a CPU that switches while the counts are read may be missing; all others are counted
 * exactly once. All counts are 0 if the machine was built without memory.
 *
 * @param minorFaults faults of CPUs in this space that were resolved without I/O. Failed accesses, and pages that
 *     {@code mlock} or {@code MAP_POPULATE} faulted in, are not counted
 * @param majorFaults faults of CPUs in this space that were resolved after a backing had to fetch data
 * @param tlbMisses lookups in this space that a CPU's TLB could not serve, or not with the required right; each pin
 *     counts as one
 * @param flushes how many times CPUs flushed a range or all of this space, whether or not they had translations of it
 * @param shootdowns how many times a thread asked other threads' CPUs in GUEST to drop translations of this space, or
 *     to execute a fence for {@code membarrier}
 * @param shootdownTargets how many CPUs the shootdowns asked in total
 * @param accessesOutsideGuest {@link CpuStatistics#accessesOutsideGuest} of all CPUs in this space
 */
public record SpaceStatistics(
        long minorFaults,
        long majorFaults,
        long tlbMisses,
        long flushes,
        long shootdowns,
        long shootdownTargets,
        long accessesOutsideGuest) {
    /**
     * Creates the record. A minor version may add components.
     *
     * @param minorFaults {@link #minorFaults()}
     * @param majorFaults {@link #majorFaults()}
     * @param tlbMisses {@link #tlbMisses()}
     * @param flushes {@link #flushes()}
     * @param shootdowns {@link #shootdowns()}
     * @param shootdownTargets {@link #shootdownTargets()}
     * @param accessesOutsideGuest {@link #accessesOutsideGuest()}
     */
    @Experimental
    public SpaceStatistics {}

    static SpaceStatistics of(Layout layout) {
        MachineMemory memory = layout.memoryOrNull();
        long[] counts = memory == null ? new long[TlbContext.KINDS] : memory.cpus.countsOf(layout.pages().context);
        return new SpaceStatistics(
                counts[CpuCounters.MINOR_FAULTS],
                counts[CpuCounters.MAJOR_FAULTS],
                counts[CpuCounters.TLB_MISSES],
                counts[CpuCounters.FLUSHES],
                counts[TlbContext.SHOOTDOWNS],
                counts[TlbContext.TARGETS],
                counts[CpuCounters.OUTSIDE_GUEST]);
    }
}
