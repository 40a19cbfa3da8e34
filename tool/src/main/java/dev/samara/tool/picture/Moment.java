// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.picture;

import java.time.Instant;
import java.util.concurrent.TimeUnit;
import jdk.jfr.consumer.RecordedEvent;
import org.jspecify.annotations.Nullable;

/**
 * An event of a recording.
 *
 * @param lane its lane
 * @param isOther whether it is shown in the second colour of the lane
 * @param begin its start, in nanoseconds since 1970
 * @param nanos its duration in nanoseconds; 0 if the event has no duration
 */
record Moment(Lane lane, boolean isOther, long begin, long nanos) {
    /** The prefix of the names of the library's events. */
    private static final String PREFIX = "dev.samara.";

    static @Nullable Moment of(RecordedEvent event) {
        String name = event.getEventType().getName();
        if (!name.startsWith(PREFIX)) {
            return null;
        }
        return switch (name.substring(PREFIX.length())) {
            case "SpaceBegin" -> new Moment(Lane.SPACES, false, event);
            case "SpaceEnd" -> new Moment(Lane.SPACES, true, event);
            case "Fault" -> new Moment(Lane.FAULTS, event.getBoolean("major"), event);
            case "Shootdown" -> new Moment(Lane.SHOOTDOWNS, event.getBoolean("polled"), event);
            case "StalledCpu" -> new Moment(Lane.STALLS, false, event);
            case "Wait" -> new Moment(Lane.WAITS, false, event);
            case "LockWait" -> new Moment(Lane.LOCK_WAITS, !event.getBoolean("parked"), event);
            case "GracePeriod" -> new Moment(Lane.GRACE_PERIODS, event.getBoolean("polled"), event);
            case "Reclaim" -> new Moment(Lane.RECLAIMS, event.getLong("freed") == 0, event);
            case "Reap" -> new Moment(Lane.REAPS, !event.getBoolean("complete"), event);
            default -> null;
        };
    }

    private Moment(Lane lane, boolean isOther, RecordedEvent event) {
        this(lane, isOther, nanosOf(event.getStartTime()), event.getDuration().toNanos());
    }

    long end() {
        return begin + nanos;
    }

    private static long nanosOf(Instant instant) {
        return TimeUnit.SECONDS.toNanos(instant.getEpochSecond()) + instant.getNano();
    }
}
