// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/** Counts the events that a run is for. A run with too few of them has shown nothing. Thread-safe. */
final class EventCounts {
    private final Map<String, LongAdder> counts = new ConcurrentHashMap<>();
    private final Map<String, Long> asked = new ConcurrentHashMap<>();

    /** Asks for something so many times in a minute; before the start. */
    void ask(String what, long perMinute) {
        asked.put(what, perMinute);
    }

    /** Counts something. */
    void count(String what) {
        count(what, 1);
    }

    /** Counts something so many times. */
    void count(String what, long times) {
        counts.computeIfAbsent(what, name -> new LongAdder()).add(times);
    }

    /** How often it was met. */
    long of(String what) {
        LongAdder count = counts.get(what);
        return count == null ? 0 : count.sum();
    }

    /** Says of each thing that was asked for whether it was met, for a run of some length. */
    void judge(Duration time, Checker strength) {
        asked.forEach((what, perMinute) -> {
            // Of a short run little is asked, of none nothing.
            long least = perMinute * time.toMillis() / 60_000;
            strength.check(of(what) >= least, "too weak: " + what + " " + of(what) + " times, not " + least);
        });
    }

    @Override
    public String toString() {
        StringBuilder line = new StringBuilder();
        new TreeMap<>(counts)
                .forEach((what, count) -> line.append(line.length() == 0 ? "" : ", ")
                        .append(what)
                        .append(' ')
                        .append(count));
        return line.toString();
    }
}
