// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;

/**
 * The housekeeping of a machine whose embedder runs its steps ({@link MachineBuilder#invokedHousekeeping}). Any thread
 * may run them, also concurrently.
 */
@FunctionalInterface
@Experimental
public interface HousekeepingAgent {
    /**
     * Runs one step: polls the waiting calls, and hands each call that can continue over to the machine's executor.
     * Never waits, unless the machine's executor or reporter does.
     *
     * @return the number of calls handed over
     * @throws StackOverflowError if the thread's stack is nearly used up; nothing has changed then
     */
    int doWork();
}
