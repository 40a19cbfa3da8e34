// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.cli;

import dev.samara.examples.lookup.Tally;
import org.jspecify.annotations.Nullable;

/**
 * What a run did, all in all.
 *
 * @param passed how many files passed
 * @param failed how many did not
 * @param operations how many operations they had
 * @param nanoseconds how long it took, reading included
 * @param readers what the readers did; null if there were none
 */
record Summary(
        int passed,
        int failed,
        long operations,
        long nanoseconds,
        @Nullable Tally readers) {
    private static final double NANOSECONDS_PER_SECOND = 1e9;

    static Summary of(CheckRun run, long start, @Nullable Tally readers) {
        return new Summary(run.passed(), run.failed(), run.operations(), System.nanoTime() - start, readers);
    }

    double seconds() {
        return nanoseconds / NANOSECONDS_PER_SECOND;
    }

    long operationsPerSecond() {
        return nanoseconds == 0 ? 0 : Math.round(operations / seconds());
    }
}
