// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

/** An order of runs. */
public interface Strategy {
    /** Returns the choices of the next run. */
    Chooser begin();

    /** Ends a run; returns whether there is another one. */
    boolean advance();

    /** All runs with at most a number of preemptions. */
    static Strategy bounded(int preemptions) {
        return new DepthFirst(preemptions);
    }

    /** One run of each class of runs that differ only in the order of steps without a conflict. */
    static Strategy reduced() {
        return new SleepSets();
    }

    /**
     * Runs with random priorities.
     *
     * @param seed the seed of the first run; the next one has the next seed
     * @param depth the number of steps in certain places that a failure needs, at least 1
     */
    static Strategy random(long seed, int depth, int runs) {
        return new Priorities(seed, depth, runs);
    }

    /** One run with the choices of a schedule. */
    static Strategy replay(Schedule schedule) {
        return new Replay(schedule);
    }
}
