// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.util.List;

/** Decides which thread runs next. An object serves one run. */
interface Chooser {
    /**
     * Returns whether the running thread, which can run, may be preempted before its pending step. If not, {@link
     * #choose} is not asked.
     */
    default boolean mayPreempt(SteppedThread from) {
        return true;
    }

    /**
     * Chooses a thread at a point where several can run.
     *
     * @param run the run
     * @param from the thread that runs up to now; it may be blocked or finished
     * @param options the threads that can run, the default first
     * @param isPreemption whether {@code from} could go on, so that any other choice is a preemption
     * @return one of the options, or null to end the run without a result
     */
    @org.jspecify.annotations.Nullable
    SteppedThread choose(Run run, SteppedThread from, List<SteppedThread> options, boolean isPreemption);

    /** Returns whether a run in which this thread goes on, as the only one that can, repeats an earlier run. */
    default boolean isRepetition(SteppedThread onlyOption) {
        return false;
    }

    /** Is told of each step when it is made. */
    default void executed(Run run, SteppedThread thread, Access access) {}
}
