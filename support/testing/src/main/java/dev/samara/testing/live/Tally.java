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
 * How often each call gave each result. A table has the results that each call can give: a line for each call, its name
 * and its results.
 */
public final class Tally {
    private final SortedMap<String, Long> met = new TreeMap<>();
    private final List<String> possible = new ArrayList<>();

    /**
     * Makes a tally in which nothing was met.
     *
     * @param table the file of the table
     * @throws IOException if it cannot be read
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
     * Makes a tally in which nothing was met, without a file.
     *
     * @param pairs the pairs that are possible, each of a call and a result
     */
    public Tally(List<String> pairs) {
        possible.addAll(pairs);
    }

    /**
     * Counts a result.
     *
     * @param call the name of the call
     * @param result the name of an errno, or a word for all successes
     */
    public void met(String call, String result) {
        met.merge(call + " " + result, 1L, Long::sum);
    }

    /**
     * Returns the pairs that were met, with how often.
     *
     * @return the pairs in order, each of a call and a result
     */
    public SortedMap<String, Long> met() {
        return Collections.unmodifiableSortedMap(met);
    }

    /**
     * Returns the pairs of the table that were never met.
     *
     * @return the pairs in the order of the table
     */
    public List<String> neverMet() {
        return possible.stream().filter(pair -> !met.containsKey(pair)).toList();
    }
}
