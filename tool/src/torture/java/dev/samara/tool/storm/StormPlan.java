// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import dev.samara.core.LazyTlb;
import java.time.Duration;
import java.util.Set;

/**
 * The plan of a storm.
 *
 * @param seconds its duration, which is extended by up to 120 s until each rule has been checked
 * @param cpus the number of CPUs that access the first space
 * @param seed the seed of the threads' random choices
 * @param checked whether the machine also checks each access
 * @param lazy the strategy for CPUs in LAZY
 * @param keepsGoing whether it continues after a violation
 * @param stopsCpu whether a CPU stops in GUEST for ten seconds from time to time
 * @param isFlat whether the machine's resources at the start and at the end are compared
 * @param groups the names of the groups to run; if empty, all groups
 * @param patience the time without progress of a thread after which the storm ends
 */
record StormPlan(
        int seconds,
        int cpus,
        long seed,
        boolean checked,
        LazyTlb lazy,
        boolean keepsGoing,
        boolean stopsCpu,
        boolean isFlat,
        Set<String> groups,
        Duration patience) {}
