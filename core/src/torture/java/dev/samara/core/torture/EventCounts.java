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

    /** Requires an event a number of times per minute. Must be called before the start. */
    void ask(String what, long perMinute) {
        asked.put(what, perMinute);
    }

    /** Counts an event. */
    void count(String what) {
        count(what, 1);
    }

    /** Counts an event a number of times. */
    void count(String what, long times) {
        counts.computeIfAbsent(what, name -> new LongAdder()).add(times);
    }

    /** Uses a count that is kept elsewhere. */
    void count(String what, LongAdder count) {
        counts.put(what, count);
    }

    /** Returns how often an event occurred. */
    long of(String what) {
        LongAdder count = counts.get(what);
        return count == null ? 0 : count.sum();
    }

    /** Returns the minimum for a run of some length, which is 0 for an empty run. */
    private static long least(long perMinute, Duration time) {
        return perMinute * time.toMillis() / 60_000;
    }

    /** Returns whether each required event occurred often enough for a run of some length. */
    boolean areEnough(Duration time) {
        return asked.entrySet().stream().allMatch(each -> of(each.getKey()) >= least(each.getValue(), time));
    }

    /** Checks for each required event whether it occurred often enough for a run of some length. */
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
