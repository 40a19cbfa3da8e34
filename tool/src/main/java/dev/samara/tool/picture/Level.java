// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.picture;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import jdk.jfr.consumer.RecordedEvent;

/**
 * The size of all spaces together, at one time of a recording.
 *
 * @param begin in nanoseconds since 1970
 * @param mappings of all spaces
 * @param pages in memory
 */
record Level(long begin, long mappings, long pages) {
    private static final String EVENT = "dev.samara.Mappings";

    /** Adds up the events of each sample, which has one for each space. */
    static final class LevelSum {
        private final Map<Long, Level> samples = new TreeMap<>();

        /** Adds an event, unless it is of another kind. */
        void add(RecordedEvent event) {
            if (event.getEventType().getName().equals(EVENT)) {
                long sample = event.getLong("sample");
                long begin = TimeUnit.MILLISECONDS.toNanos(sample);
                samples.merge(
                        sample,
                        new Level(begin, event.getLong("mappings"), event.getLong("pages")),
                        (one, other) -> new Level(begin, one.mappings + other.mappings, one.pages + other.pages));
            }
        }

        /** Returns the levels in the order of time. */
        List<Level> levels() {
            return new ArrayList<>(samples.values());
        }
    }
}
