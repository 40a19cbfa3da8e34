// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.translate;

/**
 * Decides when a block is hot, that is, translated, by how often it was interpreted. HotSpot needs milliseconds to
 * compile a region, in which a block is interpreted some 100,000 times. So a program that spends its time in a few
 * loops has them translated at once, and one that runs much code, but none of it for long, has little of it translated.
 * Immutable.
 */
final class HotnessPolicy {
    private static final int RUNS_BEFORE = 3000;

    /** By how many runs a region delays those after it; more where no processor is left for the compilers. */
    private static final int RUNS_PER_REGION = Runtime.getRuntime().availableProcessors() > 1 ? 10_000 : 40_000;

    /** The number of regions that delay others. */
    private static final int MOST_DELAYS = 100;

    /** How often a block is interpreted between two requests for code that is not there yet. */
    private static final int RUNS_BETWEEN = 500;

    private final boolean isEager;

    /**
     * Makes a policy.
     *
     * @param isEager whether each block is hot that runs again: a test of the code
     */
    HotnessPolicy(boolean isEager) {
        this.isEager = isEager;
    }

    /** Returns how often a block is interpreted before its first request. */
    int runsBeforeRequest() {
        return isEager ? 2 : RUNS_BEFORE;
    }

    /** Returns how often a block is interpreted between two requests. */
    int runsBetweenRequests() {
        return isEager ? 1 : RUNS_BETWEEN;
    }

    /**
     * Returns how many more times a block has to be interpreted before it is hot; not positive if it is hot.
     *
     * @param runs how often it was interpreted
     * @param regions the number of regions that were made
     */
    int runsMissing(int runs, long regions) {
        return isEager ? 0 : runsWanted(regions) - runs;
    }

    /**
     * Returns how often a block has to be interpreted before it is hot.
     *
     * @param regions the number of regions that were made
     */
    static int runsWanted(long regions) {
        return RUNS_BEFORE + RUNS_PER_REGION * (int) Math.min(regions, MOST_DELAYS);
    }
}
