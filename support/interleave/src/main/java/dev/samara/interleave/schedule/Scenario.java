// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.util.Map;

/**
 * Two or more operations whose interleavings are explored. An object of a scenario is used for one run. The
 * instrumenting class loader loads its class, so the class can use the production classes as any test does. The class
 * has a constructor without arguments.
 */
public interface Scenario {
    /** Creates the state on which the operations work. Runs alone, on the thread {@code main}. */
    default void begin() throws Exception {}

    /** Returns the operations by thread name, in the order in which the default schedule runs them. */
    Map<String, Body> operations();

    /**
     * Checks the state before each step that may write, while all threads are stopped. It may read, but must neither
     * wait nor change anything, because another thread may hold any lock.
     */
    default void judgeStep() {}

    /** Called on a thread before it waits, while the operations run. Its code is not scheduled in steps. */
    default void beforeWait(String site) {}

    /**
     * Returns the time that the calling thread reads.
     *
     * @param now the virtual time, in nanoseconds
     */
    default long time(long now) {
        return now;
    }

    /** Checks the state after the operations, on the thread {@code main}. */
    default void end() throws Exception {}

    /** The code of one operation, which runs on its own thread. */
    @FunctionalInterface
    interface Body {
        /** Prepares the thread. Runs before the operations, while no thread is preempted. */
        default void before() throws Exception {}

        /** Runs the operation, whose steps are interleaved with the steps of all other operations. */
        void run() throws Exception;

        /** Cleans up what {@link #before} prepared. Runs after all operations ended. */
        default void after() throws Exception {}
    }
}
