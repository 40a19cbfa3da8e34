// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.util.List;

/** Decides which thread runs next. An object is used for one run only. */
interface Chooser {
    /**
     * Returns whether the running thread, which can continue, may be preempted before its pending step. If not, {@link
     * #choose} is not called.
     */
    default boolean mayPreempt(SteppedThread from) {
        return true;
    }

    /**
     * Chooses one of several threads that can run.
     *
     * @param run the run
     * @param from the thread that ran so far; it may be blocked or finished
     * @param options the threads that can run; the first one is the default
     * @param isPreemption whether {@code from} can continue, so that any other choice is a preemption
     * @return one of the options, or null to end the run without a result
     */
    @org.jspecify.annotations.Nullable
    SteppedThread choose(Run run, SteppedThread from, List<SteppedThread> options, boolean isPreemption);

    /** Returns whether the run repeats an earlier one if the only thread that can run continues. */
    default boolean isRepetition(SteppedThread onlyOption) {
        return false;
    }

    /** Called for each step when it is performed. */
    default void executed(Run run, SteppedThread thread, Access access) {}
}
