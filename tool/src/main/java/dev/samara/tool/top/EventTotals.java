// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import dev.samara.core.MachineStatistics;
import dev.samara.core.SpaceStatistics;

/**
 * How many events occurred since the start, on a machine or in one space.
 *
 * @param minorFaults faults without I/O
 * @param majorFaults faults for which data had to be fetched
 * @param tlbMisses accesses whose translation was not in a TLB
 * @param flushes how often CPUs dropped translations
 * @param shootdowns how often a thread had to wait for CPUs of other threads
 * @param targets the total number of CPUs for which these threads waited
 * @param gracePeriods grace periods that have ended; 0 for a space
 */
public record EventTotals(
        long minorFaults,
        long majorFaults,
        long tlbMisses,
        long flushes,
        long shootdowns,
        long targets,
        long gracePeriods) {
    static final EventTotals NONE = new EventTotals(0, 0, 0, 0, 0, 0, 0);

    static EventTotals of(MachineStatistics machine) {
        return new EventTotals(
                machine.minorFaults(),
                machine.majorFaults(),
                machine.tlbMisses(),
                machine.flushes(),
                machine.shootdowns(),
                machine.shootdownTargets(),
                machine.gracePeriods());
    }

    static EventTotals of(SpaceStatistics space) {
        return new EventTotals(
                space.minorFaults(),
                space.majorFaults(),
                space.tlbMisses(),
                space.flushes(),
                space.shootdowns(),
                space.shootdownTargets(),
                0);
    }

    EventTotals plus(EventTotals other) {
        return combined(other, 1);
    }

    /**
     * Returns the events since an earlier sample. If any number was higher in that sample, another space or machine has
     * replaced the earlier one, so all its events occurred since then.
     */
    EventTotals since(EventTotals before) {
        EventTotals difference = combined(before, -1);
        boolean isOther = difference.minorFaults < 0
                || difference.majorFaults < 0
                || difference.tlbMisses < 0
                || difference.flushes < 0
                || difference.shootdowns < 0
                || difference.targets < 0
                || difference.gracePeriods < 0;
        return isOther ? this : difference;
    }

    private EventTotals combined(EventTotals other, int sign) {
        return new EventTotals(
                minorFaults + sign * other.minorFaults,
                majorFaults + sign * other.majorFaults,
                tlbMisses + sign * other.tlbMisses,
                flushes + sign * other.flushes,
                shootdowns + sign * other.shootdowns,
                targets + sign * other.targets,
                gracePeriods + sign * other.gracePeriods);
    }
}
