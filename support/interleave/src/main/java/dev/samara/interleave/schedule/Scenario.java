// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.util.Map;

/**
 * Two or more operations whose interleavings are explored. An object of a scenario serves one run. Its class has a
 * constructor without arguments, is loaded by the instrumenting class loader, and so names the production classes as
 * any test does.
 */
public interface Scenario {
    /** Makes the state on which the operations work. Runs alone, on the thread {@code main}. */
    default void begin() throws Exception {}

    /** Returns the operations by the names of their threads, in the order in which the default schedule runs them. */
    Map<String, Body> operations();

    /**
     * Judges the state before each step that may write, while all threads stand still. It may read, and must neither
     * wait nor change anything: another thread may hold any lock.
     */
    default void judgeStep() {}

    /** Runs before a thread waits, on that thread, while the operations run. Makes no steps. */
    default void beforeWait(String site) {}

    /**
     * Returns what the calling thread reads from its clock.
     *
     * @param now the virtual time, in nanoseconds
     */
    default long time(long now) {
        return now;
    }

    /** Judges the state after the operations, on the thread {@code main}. */
    default void end() throws Exception {}

    /** The code of one operation, on a thread of its own. */
    @FunctionalInterface
    interface Body {
        /** Prepares the thread. Runs before the operations, while no thread is preempted. */
        default void before() throws Exception {}

        /** The steps that are interleaved with those of the other operations. */
        void run() throws Exception;

        /** Ends what {@link #before} began. Runs when all operations have ended. */
        default void after() throws Exception {}
    }
}
