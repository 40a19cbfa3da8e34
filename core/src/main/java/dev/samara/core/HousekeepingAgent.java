// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;

/**
 * The housekeeping of a machine whose embedder makes its steps ({@link MachineBuilder#invokedHousekeeping}). Any thread
 * may make them, and several threads at a time.
 */
@FunctionalInterface
@Experimental
public interface HousekeepingAgent {
    /**
     * Makes one step: asks the calls that wait whether they can continue, and hands those that can to the executor of
     * the machine. Never waits, unless the executor or the reporter of the machine does.
     *
     * @return the number of calls handed over
     * @throws StackOverflowError if the thread's stack is nearly used up; nothing has changed then
     */
    int doWork();
}
