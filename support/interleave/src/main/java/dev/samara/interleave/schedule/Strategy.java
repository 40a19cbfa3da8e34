// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

/** Determines which runs are made, and in which order. */
public interface Strategy {
    /** Returns the chooser of the next run. */
    Chooser begin();

    /** Ends a run; returns whether another one follows. */
    boolean advance();

    /** Returns the strategy of all runs with at most {@code preemptions} preemptions. */
    static Strategy bounded(int preemptions) {
        return new DepthFirst(preemptions);
    }

    /**
     * Returns the strategy that makes only one of the runs that differ only in the order of steps that do not conflict.
     */
    static Strategy reduced() {
        return new SleepSets();
    }

    /**
     * Returns the strategy of runs with random priorities.
     *
     * @param seed the seed of the first run; each run's seed is one higher than the previous one
     * @param depth the number of ordering constraints that a failure may need, at least 1
     */
    static Strategy random(long seed, int depth, int runs) {
        return new Priorities(seed, depth, runs);
    }

    /** Returns the strategy of one run with the choices of a schedule. */
    static Strategy replay(Schedule schedule) {
        return new Replay(schedule);
    }
}
