// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.cpu.CpuCounters;

/**
 * Event counts of one CPU, in all spaces. The counts only grow. Counting costs nothing on a TLB hit, and an increment
 * of a CPU-local counter on a miss, a fault, a flush or an access outside GUEST.
 *
 * @param minorFaults faults that were resolved without I/O; accesses that failed are not counted
 * @param majorFaults faults that were resolved after a backing had to fetch data
 * @param tlbMisses lookups that the TLB could not serve, or not with the required right; each pin counts as one
 * @param flushes how many times the CPU flushed a range or a whole space from its TLB, whether or not it had
 *     translations of it
 * @param accessesOutsideGuest accesses to numbers outside GUEST, for each of which the CPU entered GUEST and left it
 *     again. They take tens of times as long as accesses in GUEST. Copies, fills, strings and pins are not counted
 */
public record CpuStatistics(
        long minorFaults, long majorFaults, long tlbMisses, long flushes, long accessesOutsideGuest) {
    /**
     * Creates the record. A minor version may add components.
     *
     * @param minorFaults {@link #minorFaults()}
     * @param majorFaults {@link #majorFaults()}
     * @param tlbMisses {@link #tlbMisses()}
     * @param flushes {@link #flushes()}
     * @param accessesOutsideGuest {@link #accessesOutsideGuest()}
     */
    @Experimental
    public CpuStatistics {}

    static final CpuStatistics NONE = new CpuStatistics(0, 0, 0, 0, 0);

    CpuStatistics plus(CpuCounters counters) {
        return new CpuStatistics(
                minorFaults + counters.count(CpuCounters.MINOR_FAULTS),
                majorFaults + counters.count(CpuCounters.MAJOR_FAULTS),
                tlbMisses + counters.count(CpuCounters.TLB_MISSES),
                flushes + counters.count(CpuCounters.FLUSHES),
                accessesOutsideGuest + counters.count(CpuCounters.OUTSIDE_GUEST));
    }
}
