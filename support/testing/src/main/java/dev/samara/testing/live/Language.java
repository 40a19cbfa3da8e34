// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing.live;

import java.io.IOException;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A language of scripts that both the kernel and its counterpart run. Used by one thread.
 *
 * @param <S> a step of a script; equal steps do the same
 * @param <D> a difference of the two sides
 */
public interface Language<S, D extends Difference<S>> {
    /**
     * Returns the name of the language, for reports.
     *
     * @return one word
     */
    String name();

    /**
     * Generates the script of a seed, which is always the same, and runs it.
     *
     * @param seed chooses the script
     * @return its first difference, or null if there is none
     * @throws IOException if a side cannot run it
     */
    @Nullable
    D run(long seed) throws IOException;

    /**
     * Returns how many scripts should be passed to {@link #runAll} at a time.
     *
     * @return 1 unless several scripts together run faster
     */
    default int together() {
        return 1;
    }

    /**
     * Runs the scripts of consecutive seeds.
     *
     * @param first the first seed
     * @param scripts their number
     * @return the first difference of each script that shows one, by seed
     * @throws IOException if a side cannot run the scripts
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
     * Runs the script of a difference with different steps.
     *
     * @param found the difference, whose other settings are reused
     * @param steps the new steps, at least one
     * @return the first difference, or null if there is none or the steps cannot be run
     * @throws IOException if a side cannot run the script
     */
    @Nullable
    D again(D found, List<S> steps) throws IOException;

    /**
     * Repeats the script of a difference that {@link #again} found, as carefully as the language can. A language may
     * run the many scripts of {@link #again} less carefully. If the result of the repetition shows that {@link #again}
     * was not careful enough, the language runs scripts more carefully from then on.
     *
     * @param found the difference
     * @return the first difference of its script, or null if there is none
     * @throws IOException if a side cannot run it
     */
    default @Nullable D confirm(D found) throws IOException {
        return found;
    }

    /**
     * Returns simpler replacements of a step, which make a script easier to read.
     *
     * @param step the step
     * @return simpler steps, the simplest first; each has fewer simpler steps than {@code step}
     */
    List<S> simpler(S step);

    /**
     * Returns how many steps were run so far.
     *
     * @return the number of steps
     */
    long steps();

    /**
     * Returns the tally of the kernel's answers so far.
     *
     * @return the tally
     */
    Tally tally();
}
