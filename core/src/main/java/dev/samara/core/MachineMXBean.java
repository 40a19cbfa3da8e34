// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

/**
 * The attributes of a machine for JMX, registered by {@link Machine#registerMBean}. They are those of {@link
 * MachineStatistics}, plus the machine's committed and locked memory. Each attribute read adds up the machine's
 * counters anew, so two attributes are not read at the same instant. Any thread may read them. A read throws {@link
 * IllegalStateException} once the machine is closed or garbage-collected.
 */
public interface MachineMXBean {
    /**
     * Returns {@link MachineStatistics#minorFaults}.
     *
     * @return a number that only grows
     */
    long getMinorFaults();

    /**
     * Returns {@link MachineStatistics#majorFaults}.
     *
     * @return a number that only grows
     */
    long getMajorFaults();

    /**
     * Returns {@link MachineStatistics#copiesOnWrite}.
     *
     * @return a number that only grows
     */
    long getCopiesOnWrite();

    /**
     * Returns {@link MachineStatistics#tlbMisses}.
     *
     * @return a number that only grows
     */
    long getTlbMisses();

    /**
     * Returns {@link MachineStatistics#flushes}.
     *
     * @return a number that only grows
     */
    long getFlushes();

    /**
     * Returns {@link MachineStatistics#shootdowns}.
     *
     * @return a number that only grows
     */
    long getShootdowns();

    /**
     * Returns {@link MachineStatistics#shootdownTargets}.
     *
     * @return a number that only grows
     */
    long getShootdownTargets();

    /**
     * Returns {@link MachineStatistics#gracePeriods}.
     *
     * @return a number that only grows
     */
    long getGracePeriods();

    /**
     * Returns {@link MachineStatistics#framesInUse}.
     *
     * @return frames
     */
    long getFramesInUse();

    /**
     * Returns {@link MachineStatistics#framesQuarantined}.
     *
     * @return frames
     */
    long getFramesQuarantined();

    /**
     * Returns {@link MachineStatistics#pins}.
     *
     * @return pins that are not released
     */
    long getPins();

    /**
     * Returns {@link MachineStatistics#viewCopies}.
     *
     * @return a number that only grows
     */
    long getViewCopies();

    /**
     * Returns {@link MachineStatistics#pageTableBytes}.
     *
     * @return bytes
     */
    long getPageTableBytes();

    /**
     * Returns {@link MachineStatistics#checkedAccesses}.
     *
     * @return a number that only grows
     */
    long getCheckedAccesses();

    /**
     * Returns {@link MachineStatistics#staleAccesses}.
     *
     * @return a number that only grows
     */
    long getStaleAccesses();

    /**
     * Returns {@link MachineStatistics#accessesOutsideGuest}.
     *
     * @return a number that only grows
     */
    long getAccessesOutsideGuest();

    /**
     * Returns {@link Machine#committed}.
     *
     * @return bytes
     */
    long getCommittedBytes();

    /**
     * Returns {@link Machine#lockedSegments}.
     *
     * @return bytes
     */
    long getLockedSegmentBytes();

    /**
     * Returns the number of spaces that have users.
     *
     * @return spaces
     */
    int getSpaces();
}
