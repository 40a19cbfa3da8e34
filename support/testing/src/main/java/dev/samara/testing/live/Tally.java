// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing.live;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Counts how often each call returned each result. A table lists the possible results: each line contains the name of a
 * call and its results.
 */
public final class Tally {
    private final SortedMap<String, Long> met = new TreeMap<>();
    private final List<String> possible = new ArrayList<>();

    /**
     * Creates a tally without counts.
     *
     * @param table the file of the table
     * @throws IOException if the file cannot be read
     */
    public Tally(Path table) throws IOException {
        for (String line : ScriptFiles.lines(table)) {
            String[] words = line.split(" +", -1);
            for (int i = 1; i < words.length; i++) {
                possible.add(words[0] + " " + words[i]);
            }
        }
    }

    /**
     * Creates a tally without counts and without a file.
     *
     * @param pairs the possible pairs, each a call and a result
     */
    public Tally(List<String> pairs) {
        possible.addAll(pairs);
    }

    /**
     * Counts a result.
     *
     * @param call the name of the call
     * @param result the name of an errno, or one word that stands for every success
     */
    public void met(String call, String result) {
        met.merge(call + " " + result, 1L, Long::sum);
    }

    /**
     * Returns the pairs that occurred, with their counts.
     *
     * @return the sorted pairs, each a call and a result
     */
    public SortedMap<String, Long> met() {
        return Collections.unmodifiableSortedMap(met);
    }

    /**
     * Returns the pairs of the table that never occurred.
     *
     * @return the pairs in the order of the table
     */
    public List<String> neverMet() {
        return possible.stream().filter(pair -> !met.containsKey(pair)).toList();
    }
}
