// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing.live;

import java.io.IOException;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A language of scripts that the kernel and its counterpart both run. Used by one thread.
 *
 * @param <S> a step of a script; two equal ones do the same
 * @param <D> a difference of the two sides
 */
public interface Language<S, D extends Difference<S>> {
    /**
     * Returns its name, for reports.
     *
     * @return one word
     */
    String name();

    /**
     * Makes the script of a seed, always the same, and runs it.
     *
     * @param seed chooses the script
     * @return its first difference; null if there is none
     * @throws IOException if a side cannot run it
     */
    @Nullable
    D run(long seed) throws IOException;

    /**
     * Returns how many scripts {@link #runAll} takes at a time.
     *
     * @return 1 unless scripts are faster together
     */
    default int together() {
        return 1;
    }

    /**
     * Runs the scripts of consecutive seeds.
     *
     * @param first the first seed
     * @param scripts their number
     * @return the first difference of each script that has one, by seed
     * @throws IOException if a side cannot run them
     */
    default SortedMap<Long, D> runAll(long first, int scripts) throws IOException {
        SortedMap<Long, D> found = new TreeMap<>();
        for (long seed = first; seed < first + scripts; seed++) {
            D difference = run(seed);
            if (difference != null) {
                found.put(seed, difference);
            }
        }
        return found;
    }

    /**
     * Runs the script of a difference with other steps in place of its own.
     *
     * @param found the difference, whose setting is kept
     * @param steps the other steps, at least one
     * @return the first difference; null if there is none, or if these steps cannot be run
     * @throws IOException if a side cannot run them
     */
    @Nullable
    D again(D found, List<S> steps) throws IOException;

    /**
     * Runs the script of a difference that {@link #again} has found once more, as carefully as the language can. One
     * that takes less care with the many scripts of {@link #again}, and finds here that it was too little, takes more
     * from now on.
     *
     * @param found the difference
     * @return the first difference of its script; null if there is none
     * @throws IOException if a side cannot run it
     */
    default @Nullable D confirm(D found) throws IOException {
        return found;
    }

    /**
     * Returns what may stand in place of a step in a script that is easier to read.
     *
     * @param step the step
     * @return simpler steps, the simplest first; each has fewer simpler ones than this step
     */
    List<S> simpler(S step);

    /**
     * Returns how many steps were made so far.
     *
     * @return the number of steps
     */
    long steps();

    /**
     * Returns what the kernel answered so far.
     *
     * @return the tally
     */
    Tally tally();
}
