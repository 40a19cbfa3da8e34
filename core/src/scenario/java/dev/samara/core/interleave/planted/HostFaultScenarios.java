// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.interleave.failure.HostFault;
import dev.samara.interleave.failure.HostFault.HostCall;
import dev.samara.interleave.failure.HostFault.Way;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** The names of the scenarios with host faults: concurrent calls, combined with each fault that they can meet. */
final class HostFaultScenarios {
    private static final List<String> CALLS = List.of(
            "store+fsync",
            "store+evict",
            "fsync+other",
            "fsync+msync",
            "fsync+evict",
            "fsync+truncate",
            "fsync+punch",
            "fsync+append",
            "fsync+pwrite",
            "fsync+pread",
            "fsync+close",
            "fsync+fork",
            "msync+truncate",
            "msync+evict",
            "evict+truncate",
            "evict+pwrite",
            "evict+append",
            "evict+pread",
            "append+truncate",
            "append+pread",
            "punch+pread",
            "store+fsync+evict",
            "store+fsync+truncate",
            "fsync+other+append",
            "fork+fsync+other");

    /** How many host calls of each kind may meet a fault; later host calls belong to the end of a run. */
    private static final Map<HostCall, Integer> MOST = new EnumMap<>(
            Map.of(HostCall.READ, 2, HostCall.WRITE, 3, HostCall.FORCE, 2, HostCall.SIZE, 5, HostCall.TRUNCATE, 1));

    private HostFaultScenarios() {}

    /** Two saves through one open, while a force fails: a save returns 0 only if the device contains the bytes. */
    static final class TwoSaves extends HostFaultScenario {
        TwoSaves() {
            super("fsync+msync/FORCE:1:FAILS");
        }
    }

    static List<String> names() {
        List<String> names = new ArrayList<>();
        for (String calls : CALLS) {
            MOST.forEach((call, most) -> {
                for (Way way : Way.values()) {
                    for (int number = 1; way.isOf(call) && number <= most; number++) {
                        if (isJudged(calls, call, way)) {
                            names.add(calls + '/' + new HostFault(call, number, way));
                        }
                    }
                }
            });
        }
        return List.copyOf(names);
    }

    /**
     * Returns whether a scenario can be judged. A page that is not in memory when a force fails may be lost on the
     * device, and its save returns 0 later.
     */
    private static boolean isJudged(String calls, HostCall call, Way way) {
        boolean isRemoved = calls.contains("evict") || calls.contains("punch");
        boolean isLost = call == HostCall.FORCE && way == Way.FAILS && isRemoved;
        return way != Way.FULL && !isLost;
    }
}
