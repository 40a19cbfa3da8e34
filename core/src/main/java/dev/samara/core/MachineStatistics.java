// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.cpu.CpuCounters;
import dev.samara.core.internal.memory.MachineMemory;
import java.util.List;

/**
 * The events of a machine and its frames, for all page sizes together. The numbers are not of one instant. All but
 * {@code framesInUse}, {@code pins} and {@code pageTableBytes} only grow. All are 0 if the machine was built without
 * memory.
 *
 * @param minorFaults faults of CPUs that were resolved without I/O. Failed accesses, and pages that {@code mlock} or
 *     {@code MAP_POPULATE} faulted in, are not counted
 * @param majorFaults faults of CPUs that were resolved after a backing had to fetch data
 * @param copiesOnWrite those of the faults above that have copied a page for a write, after a fork or of a private
 *     mapping of a file. A first write that gets a page of zeros is no copy
 * @param tlbMisses translations that the TLB of a CPU did not have, or not with the needed right; each pin counts as
 *     one
 * @param flushes how many times CPUs have flushed a range or a whole space from their TLBs, whatever they had of it
 * @param shootdowns how many times CPUs of other threads in GUEST were asked to drop translations, or by {@code
 *     membarrier}; an asynchronous call does not wait for them
 * @param shootdownTargets how many CPUs the shootdowns have asked in total
 * @param gracePeriods grace periods that have ended
 * @param framesInUse frames in use, including those of page caches
 * @param framesQuarantined frames that are never used again, because the {@linkplain MachineBuilder#frameStore frame
 *     store} threw when they were freed. Each was reported as {@link
 *     dev.samara.core.event.Report.Kind#FRAME_QUARANTINED}; they do not count as in use
 * @param pins pins of frames that are not {@linkplain dev.samara.core.guest.PinnedFrame#close released}. Pins of the
 *     page of zeros, which is no frame in use, are not counted
 * @param pageTableBytes the page tables of all spaces, a page for each table: what
 * {@link MachineBuilder#pageTableLimit} limits
 * @param checkedAccesses accesses that a {@linkplain MachineBuilder#checked checked} machine has checked; 0 for
 *     another machine
 * @param staleAccesses checked accesses that used an outdated translation: its revocation was under way, or the access
 *     was a violation
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
        long pageTableBytes,
        long checkedAccesses,
        long staleAccesses) {
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
     * @param pageTableBytes {@link #pageTableBytes()}
     * @param checkedAccesses {@link #checkedAccesses()}
     * @param staleAccesses {@link #staleAccesses()}
     */
    @Experimental
    public MachineStatistics {}

    /**
     * Returns the statistics of a machine.
     *
     * @param pageTableBytes the page tables of all spaces
     */
    static MachineStatistics of(List<MachineMemory> memories, long pageTableBytes) {
        MachineStatistics sum = new MachineStatistics(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, pageTableBytes, 0, 0);
        for (MachineMemory memory : memories) {
            sum = sum.plus(memory);
        }
        return sum;
    }

    private MachineStatistics plus(MachineMemory memory) {
        long[] counts = memory.cpus().counts();
        AccessChecker checker = memory.accessChecker();
        return new MachineStatistics(
                minorFaults + counts[CpuCounters.MINOR_FAULTS],
                majorFaults + counts[CpuCounters.MAJOR_FAULTS],
                copiesOnWrite + counts[CpuCounters.COPIES_ON_WRITE],
                tlbMisses + counts[CpuCounters.TLB_MISSES],
                flushes + counts[CpuCounters.FLUSHES],
                shootdowns + memory.shootdowns().count(),
                shootdownTargets + memory.shootdowns().targets(),
                gracePeriods + memory.rcu().ended(),
                framesInUse + memory.frames().inUse(),
                framesQuarantined + memory.frames().quarantined(),
                pins + memory.frames().pins(),
                pageTableBytes,
                checkedAccesses + (checker == null ? 0 : checker.accesses()),
                staleAccesses + (checker == null ? 0 : checker.staleAccesses()));
    }
}
