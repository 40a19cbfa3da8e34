// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.top;

import java.util.function.ToLongFunction;

/** The columns of events, from left to right. */
enum EventColumn {
    MINOR("MINOR", "minorFaults", EventTotals::minorFaults),
    MAJOR("MAJOR", "majorFaults", EventTotals::majorFaults),
    MISSES("MISSES", "tlbMisses", EventTotals::tlbMisses),
    FLUSHES("FLUSH", "flushes", EventTotals::flushes),
    SHOOTDOWNS("SHOOT", "shootdowns", EventTotals::shootdowns),
    TARGETS("CPUS", "shootdownTargets", EventTotals::targets),
    GRACE_PERIODS("GRACE", "gracePeriods", EventTotals::gracePeriods);

    private final String title;
    private final String key;
    private final ToLongFunction<EventTotals> number;

    EventColumn(String title, String key, ToLongFunction<EventTotals> number) {
        this.title = title;
        this.key = key;
        this.number = number;
    }

    String title() {
        return title;
    }

    /** The name in JSON. */
    String key() {
        return key;
    }

    long of(EventTotals events) {
        return number.applyAsLong(events);
    }

    /** Whether spaces have such events. */
    boolean isOfSpace() {
        return this != GRACE_PERIODS;
    }
}
