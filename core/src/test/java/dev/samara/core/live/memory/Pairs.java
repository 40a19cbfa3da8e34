// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** How often each call gave each errno. */
final class Pairs {
    private static final Path TABLE = Path.of("src/test/resources/dev/samara/core/live/memory/pairs.txt");

    private final Map<String, Long> met = new TreeMap<>();

    /** Counts a result. */
    void met(Verb verb, String result) {
        int space = result.indexOf(' ');
        String first = space < 0 ? result : result.substring(0, space);
        boolean isError = first.startsWith("E") || first.startsWith("SEGV") || first.startsWith("BUS");
        met.merge(verb.text() + " " + (isError ? first : "ok"), 1L, Long::sum);
    }

    /** Returns the pairs of the table that were not met. */
    List<String> neverMet() throws IOException {
        List<String> never = new ArrayList<>();
        for (String line : Files.readAllLines(TABLE)) {
            String[] words = line.split(" ", -1);
            for (int i = 1; i < words.length && line.charAt(0) != '#'; i++) {
                String pair = words[0] + " " + words[i];
                if (!met.containsKey(pair)) {
                    never.add(pair);
                }
            }
        }
        return never;
    }

    Map<String, Long> counts() {
        return met;
    }
}
