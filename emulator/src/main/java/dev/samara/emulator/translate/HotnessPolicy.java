// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.translate;

/**
 * Decides when a block is hot, i.e. is to be translated, from the number of times that it was interpreted. HotSpot
 * needs milliseconds to compile a region; in that time, a block is interpreted some 100,000 times. So if a program
 * spends its time in a few loops, they are translated immediately. If it runs much code, but none of it for long,
 * little of it is translated. Immutable.
 */
final class HotnessPolicy {
    private static final int RUNS_BEFORE = 3000;

    /**
     * How many additional runs each translated region requires of later regions. It is higher on a host with one
     * processor, where the compilers compete with the guest.
     */
    private static final int RUNS_PER_REGION = Runtime.getRuntime().availableProcessors() > 1 ? 10_000 : 40_000;

    /** The maximum number of regions that count for this. */
    private static final int MOST_DELAYS = 100;

    /** How often a block is interpreted between two requests for code that is not available yet. */
    private static final int RUNS_BETWEEN = 500;

    private final boolean isEager;

    /**
     * Creates a policy.
     *
     * @param isEager whether each block that runs again is hot, to test the code
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
     * Returns how many more times a block must be interpreted before it is hot; 0 or negative if it is hot.
     *
     * @param runs how often it was interpreted
     * @param regions the number of translated regions
     */
    int runsMissing(int runs, long regions) {
        return isEager ? 0 : runsWanted(regions) - runs;
    }

    /**
     * Returns how often a block must be interpreted before it is hot.
     *
     * @param regions the number of translated regions
     */
    static int runsWanted(long regions) {
        return RUNS_BEFORE + RUNS_PER_REGION * (int) Math.min(regions, MOST_DELAYS);
    }
}
