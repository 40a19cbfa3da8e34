// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

/** The columns for events, from left to right. */
enum EventColumn {
    MINOR("MINOR", "minorFaults"),
    MAJOR("MAJOR", "majorFaults"),
    MISSES("MISSES", "tlbMisses"),
    FLUSHES("FLUSH", "flushes"),
    SHOOTDOWNS("SHOOT", "shootdowns"),
    TARGETS("CPUS", "shootdownTargets"),
    GRACE_PERIODS("GRACE", "gracePeriods");

    private final String title;
    private final String key;

    EventColumn(String title, String key) {
        this.title = title;
        this.key = key;
    }

    String title() {
        return title;
    }

    /** Returns the name in JSON. */
    String key() {
        return key;
    }

    long of(EventTotals events) {
        return switch (this) {
            case MINOR -> events.minorFaults();
            case MAJOR -> events.majorFaults();
            case MISSES -> events.tlbMisses();
            case FLUSHES -> events.flushes();
            case SHOOTDOWNS -> events.shootdowns();
            case TARGETS -> events.targets();
            case GRACE_PERIODS -> events.gracePeriods();
        };
    }

    /** Whether such events are counted for a space. */
    boolean isOfSpace() {
        return this != GRACE_PERIODS;
    }
}
