// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/** The pairs of a call and an error that the kernel has given, and those that it could give. */
final class Pairs {
    /** One line a call: its name, a colon, and the errors that it can give. */
    private static final String TABLE = "pairs.txt";

    private final Map<String, Long> met = new TreeMap<>();
    private long steps;

    void add(Step step, Outcome outcome) {
        steps++;
        met.merge(step.verb().word() + " " + outcome.error(), 1L, Long::sum);
    }

    long steps() {
        return steps;
    }

    /** Returns the pairs that were met, with how often. */
    Map<String, Long> met() {
        return met;
    }

    /** Returns the pairs of the table that were never met. */
    List<String> neverMet() throws IOException {
        List<String> never = new ArrayList<>();
        try (InputStream table = Objects.requireNonNull(Pairs.class.getResourceAsStream(TABLE), TABLE)) {
            for (String line : new String(table.readAllBytes(), StandardCharsets.UTF_8).split("\n", -1)) {
                int colon = line.indexOf(':');
                if (line.startsWith("#") || colon < 0) {
                    continue;
                }
                for (String error : line.substring(colon + 1).trim().split(" +", -1)) {
                    String pair = line.substring(0, colon) + " " + error;
                    if (!met.containsKey(pair)) {
                        never.add(pair);
                    }
                }
            }
        }
        return never;
    }
}
