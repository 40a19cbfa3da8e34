// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

/**
 * The totals of a run.
 *
 * @param passed the number of files that passed
 * @param failed the number of files that failed
 * @param operations the number of operations in all files
 * @param nanoseconds the duration, including reading
 */
record Summary(int passed, int failed, long operations, long nanoseconds) {
    private static final double NANOSECONDS_PER_SECOND = 1e9;

    static Summary of(CheckRun run, long start) {
        return new Summary(run.passed(), run.failed(), run.operations(), System.nanoTime() - start);
    }

    double seconds() {
        return nanoseconds / NANOSECONDS_PER_SECOND;
    }

    long operationsPerSecond() {
        return nanoseconds == 0 ? 0 : Math.round(operations / seconds());
    }
}
