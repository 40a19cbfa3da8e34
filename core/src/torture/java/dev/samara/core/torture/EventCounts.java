// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/** Counts the events that a run must produce. A run with too few events proves nothing. Thread-safe. */
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

    /** Takes over a count that is kept elsewhere. */
    void count(String what, LongAdder count) {
        counts.put(what, count);
    }

    /** How often it was met. */
    long of(String what) {
        LongAdder count = counts.get(what);
        return count == null ? 0 : count.sum();
    }

    /** Of a short run little is asked, of none nothing. */
    private static long least(long perMinute, Duration time) {
        return perMinute * time.toMillis() / 60_000;
    }

    /** Returns whether each thing that was asked for was met often enough, for a run of some length. */
    boolean areEnough(Duration time) {
        return asked.entrySet().stream().allMatch(each -> of(each.getKey()) >= least(each.getValue(), time));
    }

    /** Says of each thing that was asked for whether it was met, for a run of some length. */
    void judge(Duration time, Checker strength) {
        asked.forEach((what, perMinute) -> {
            long least = least(perMinute, time);
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
