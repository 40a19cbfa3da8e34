// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.cpu.CpuCounters;
import dev.samara.core.internal.memory.MachineMemory;
import java.util.List;

/**
 * Event counts of a machine and its frame counts, for all page sizes together. The counts are not read at one instant.
 * All except {@code framesInUse}, {@code pins} and {@code pageTableBytes} only grow. All are 0 if the machine was built
 * without memory.
 *
 * @param minorFaults faults of CPUs that were resolved without I/O. Failed accesses, and pages that {@code mlock} or
 *     {@code MAP_POPULATE} faulted in, are not counted
 * @param majorFaults faults of CPUs that were resolved after a backing had to fetch data
 * @param copiesOnWrite faults, included in the two counts above, that copied a page on a write, after a fork or in a
 *     private file mapping. A first write that gets a zeroed page is not a copy
 * @param tlbMisses lookups that a CPU's TLB could not serve, or not with the required right; each pin counts as one
 * @param flushes how many times CPUs flushed a range or a whole space from their TLBs, whether or not they had
 *     translations of it
 * @param shootdowns how many times a thread asked other threads' CPUs in GUEST to drop translations, or to execute a
 *     fence for {@code membarrier}; an asynchronous call does not wait for them
 * @param shootdownTargets how many CPUs the shootdowns asked in total
 * @param gracePeriods grace periods that have ended
 * @param framesInUse frames in use, including those of page caches
 * @param framesQuarantined frames that are never reused, because the {@linkplain MachineBuilder#frameStore frame store}
 *     threw when they were freed. Each was reported as {@link dev.samara.core.event.Report.Kind#FRAME_QUARANTINED};
 *     they do not count as in use
 * @param pins unreleased {@linkplain dev.samara.core.guest.PinnedFrame#close pins} of frames, including one for each
 *     page of a {@linkplain dev.samara.core.guest.PageView view}. Pins of the zero page,
 *     which is not a frame in use, are not counted
 * @param viewCopies {@linkplain dev.samara.core.guest.PageView page views} that were created as a copy on the heap
 * @param pageTableBytes the page tables of all spaces, one page per table: the amount that {@link
 *     MachineBuilder#pageTableLimit} limits
 * @param checkedAccesses accesses that a {@linkplain MachineBuilder#checked checked} machine checked; 0 for any other
 *     machine
 * @param staleAccesses checked accesses that used a stale translation: its revocation was in progress, or the access
 *     was a violation
 * @param accessesOutsideGuest {@link CpuStatistics#accessesOutsideGuest} of all CPUs, including those of {@link
 *     AddressSpace#enter}
 */
public record MachineStatistics(
        long minorFaults,
        long majorFaults,
        long copiesOnWrite,
        long tlbMisses,
        long flushes,
        long shootdowns,
        long shootdownTargets,
        long gracePeriods,
        long framesInUse,
        long framesQuarantined,
        long pins,
        long viewCopies,
        long pageTableBytes,
        long checkedAccesses,
        long staleAccesses,
        long accessesOutsideGuest) {
    /**
     * Creates the record. A minor version may add components.
     *
     * @param minorFaults {@link #minorFaults()}
     * @param majorFaults {@link #majorFaults()}
     * @param copiesOnWrite {@link #copiesOnWrite()}
     * @param tlbMisses {@link #tlbMisses()}
     * @param flushes {@link #flushes()}
     * @param shootdowns {@link #shootdowns()}
     * @param shootdownTargets {@link #shootdownTargets()}
     * @param gracePeriods {@link #gracePeriods()}
     * @param framesInUse {@link #framesInUse()}
     * @param framesQuarantined {@link #framesQuarantined()}
     * @param pins {@link #pins()}
     * @param viewCopies {@link #viewCopies()}
     * @param pageTableBytes {@link #pageTableBytes()}
     * @param checkedAccesses {@link #checkedAccesses()}
     * @param staleAccesses {@link #staleAccesses()}
     * @param accessesOutsideGuest {@link #accessesOutsideGuest()}
     */
    @Experimental
    public MachineStatistics {}

    /**
     * Returns the statistics of a machine.
     *
     * @param pageTableBytes the page tables of all spaces
     */
    static MachineStatistics of(List<MachineMemory> memories, long pageTableBytes) {
        MachineStatistics sum = new MachineStatistics(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, pageTableBytes, 0, 0, 0);
        for (MachineMemory memory : memories) {
            sum = sum.plus(memory);
        }
        return sum;
    }

    private MachineStatistics plus(MachineMemory memory) {
        long[] counts = memory.cpus.counts();
        AccessChecker checker = memory.accessChecker;
        return new MachineStatistics(
                minorFaults + counts[CpuCounters.MINOR_FAULTS],
                majorFaults + counts[CpuCounters.MAJOR_FAULTS],
                copiesOnWrite + counts[CpuCounters.COPIES_ON_WRITE],
                tlbMisses + counts[CpuCounters.TLB_MISSES],
                flushes + counts[CpuCounters.FLUSHES],
                shootdowns + memory.shootdowns.count(),
                shootdownTargets + memory.shootdowns.targets(),
                gracePeriods + memory.rcu.ended(),
                framesInUse + memory.frames.inUse(),
                framesQuarantined + memory.frames.quarantined(),
                pins + memory.frames.pins(),
                viewCopies + memory.views.copies(),
                pageTableBytes,
                checkedAccesses + (checker == null ? 0 : checker.accesses()),
                staleAccesses + (checker == null ? 0 : checker.staleAccesses()),
                accessesOutsideGuest + counts[CpuCounters.OUTSIDE_GUEST]);
    }
}
