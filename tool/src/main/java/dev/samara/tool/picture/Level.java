// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.picture;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import jdk.jfr.consumer.RecordedEvent;

/**
 * The total size of all spaces at one time of a recording.
 *
 * @param begin the time in nanoseconds since 1970
 * @param mappings the number of mappings of all spaces
 * @param pages the number of resident pages of all spaces
 */
record Level(long begin, long mappings, long pages) {
    private static final String EVENT = "dev.samara.Mappings";

    /** Adds up the events of each sample, which consists of one event for each space. */
    static final class LevelSum {
        private final Map<Long, Level> samples = new TreeMap<>();

        /** Adds an event if it is an event of a space's size; ignores other events. */
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

        /** Returns the levels in chronological order. */
        List<Level> levels() {
            return new ArrayList<>(samples.values());
        }
    }
}
