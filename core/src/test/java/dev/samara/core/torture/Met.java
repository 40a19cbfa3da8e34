// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/** How often a run has met what it is for; a run that has not met it often enough has shown nothing. Thread-safe. */
final class Met {
    private final Map<String, LongAdder> counts = new ConcurrentHashMap<>();
    private final Map<String, Long> asked = new ConcurrentHashMap<>();

    /** Asks for something so many times in ten seconds; before the start. */
    void ask(String what, long perTenSeconds) {
        asked.put(what, perTenSeconds);
    }

    /** Counts something. */
    void count(String what) {
        counts.computeIfAbsent(what, name -> new LongAdder()).increment();
    }

    /** How often it was met. */
    long of(String what) {
        LongAdder count = counts.get(what);
        return count == null ? 0 : count.sum();
    }

    /** Says of each thing that was asked for whether it was met, for a run of some length. */
    void judge(Duration time, Checker strength) {
        asked.forEach((what, perTenSeconds) -> {
            // Of a short run little is asked, of none nothing.
            long least = perTenSeconds * time.toMillis() / 10_000;
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
